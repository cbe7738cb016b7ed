// Scores: what the tests tell this node to think of its peers, and what it thinks of invalid messages.
package main

import (
	"sync"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
)

type scores struct {
	lock sync.Mutex
	app  map[peer.ID]float64
}

func (s *scores) set(p peer.ID, value float64) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if s.app == nil {
		s.app = map[peer.ID]float64{}
	}
	s.app[p] = value
}

func (s *scores) of(p peer.ID) float64 {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.app[p]
}

func (s *scores) option() pubsub.Option {
	return pubsub.WithPeerScore(&pubsub.PeerScoreParams{
		AppSpecificScore:       s.of,
		AppSpecificWeight:      1,
		BehaviourPenaltyWeight: -10,
		BehaviourPenaltyDecay:  0.99,
		DecayInterval:          time.Second,
		DecayToZero:            0.01,
		RetainScore:            time.Minute,
		SkipAtomicValidation:   true,
		Topics:                 map[string]*pubsub.TopicScoreParams{},
	}, &pubsub.PeerScoreThresholds{GossipThreshold: -10, PublishThreshold: -100, GraylistThreshold: -1000})
}
