// Partial messages: groups of eight parts of 1 KiB, a bitmap as metadata, as in libp2p's gossipsub-interop suite.
package main

import (
	"encoding/binary"
	"errors"
	"iter"
	"log/slog"
	"math/bits"
	"sync"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p-pubsub/partialmessages"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/peer"
)

const partSize = 1024

// partsPeer is what is known of a peer: what it has once it said so, and what it knows that we have.
type partsPeer struct {
	said, told bool
	has, knows byte
}

type parts struct {
	gossip    *gossip
	extension *partialmessages.PartialMessagesExtension[*partsPeer]
	lock      sync.Mutex
	have      map[string]byte // topic, a zero byte, group
}

func key(topic string, group []byte) string { return topic + "\x00" + string(group) }

func newParts(g *gossip) *parts {
	p := &parts{gossip: g, have: map[string]byte{}}
	p.extension = &partialmessages.PartialMessagesExtension[*partsPeer]{
		Logger:             slog.Default(),
		GroupTTLByHeatbeat: 20,
		OnIncomingRPC:      p.incoming,
		OnEmitGossip: func(topic string, group []byte, _ []peer.ID, _ map[peer.ID]*partsPeer) {
			go p.publish(topic, group)
		},
	}
	return p
}

func state(states map[peer.ID]*partsPeer, id peer.ID) *partsPeer {
	if states[id] == nil {
		states[id] = &partsPeer{}
	}
	return states[id]
}

// in is the set of parts of a message; 0 where it is none of ours.
func in(message, group []byte) byte {
	if len(message) < 9 || len(message) != 9+bits.OnesCount8(message[0])*partSize ||
		string(message[len(message)-8:]) != string(group) {
		return 0
	}
	return message[0]
}

func (p *parts) incoming(from peer.ID, states map[peer.ID]*partsPeer, rpc *pb.PartialMessagesExtension) error {
	topic, group := rpc.GetTopicID(), rpc.GetGroupID()
	q := state(states, from)
	if len(rpc.GetPartsMetadata()) == 1 {
		q.said = true
		q.has |= rpc.GetPartsMetadata()[0]
	}
	got := in(rpc.GetPartialMessage(), group)
	q.has |= got
	q.knows |= got
	p.lock.Lock()
	have := p.have[key(topic, group)]
	p.have[key(topic, group)] = have | got
	p.lock.Unlock()
	if got&^have != 0 && len(group) == 8 {
		say(object{"ev": "parts", "topic": topic, "group": binary.BigEndian.Uint64(group), "have": have | got})
	}
	go p.publish(topic, group) // not from within the router's loop
	return nil
}

func (p *parts) publish(topic string, group []byte) error {
	return pubsub.PublishPartial(p.gossip.node.pubsub, topic, group, p.actions(topic, group))
}

func (p *parts) actions(topic string, group []byte) partialmessages.PublishActionsFn[*partsPeer] {
	return func(states map[peer.ID]*partsPeer, wants func(peer.ID) bool) iter.Seq2[peer.ID, partialmessages.PublishAction] {
		p.lock.Lock()
		have := p.have[key(topic, group)]
		p.lock.Unlock()
		return func(yield func(peer.ID, partialmessages.PublishAction) bool) {
			for id := range states {
				if !yield(id, state(states, id).say(have, group, wants(id))) {
					return
				}
			}
		}
	}
}

// say is what there is to tell the peer; it is taken as told.
func (q *partsPeer) say(have byte, group []byte, wants bool) partialmessages.PublishAction {
	action := partialmessages.PublishAction{}
	if lacks := have &^ q.has; wants && q.said && lacks != 0 {
		message := append([]byte{lacks}, make([]byte, bits.OnesCount8(lacks)*partSize)...)
		action.EncodedPartialMessage = append(message, group...)
		q.has |= lacks
		q.knows |= lacks
	}
	if !q.told || have&^q.knows != 0 {
		action.EncodedPartsMetadata = []byte{have}
		q.told, q.knows = true, have
	}
	return action
}

// add is the command: this node has these parts from now on, and tells of them.
func (p *parts) add(c command) error {
	if p == nil {
		return errors.New("not without -partial")
	}
	group := binary.BigEndian.AppendUint64(nil, uint64(c.Group))
	p.lock.Lock()
	p.have[key(c.Topic, group)] |= byte(c.Have)
	have := p.have[key(c.Topic, group)]
	p.lock.Unlock()
	say(object{"ev": "parts", "topic": c.Topic, "group": c.Group, "have": have})
	return p.publish(c.Topic, group)
}
