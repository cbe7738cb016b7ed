// GossipSub: the router with the asked-for settings, and what it does as events.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"golang.org/x/crypto/blake2b"
	"google.golang.org/protobuf/proto"
)

type gossip struct {
	node   *node
	lock   sync.Mutex // never taken by the tracer: its calls come from the loop that Join and ListPeers wait for
	topics map[string]*pubsub.Topic
	cancel map[string]context.CancelFunc

	countLock sync.Mutex
	count     map[string]int // of control messages, by kind and direction

	scores scores
	parts  *parts
}

func messageID(kind string) (pubsub.MsgIdFunction, error) {
	switch kind {
	case "default":
		return pubsub.DefaultMsgIdFn, nil
	case "sha256":
		return func(m *pb.Message) string {
			sum := sha256.Sum256(m.Data)
			return string(sum[:])
		}, nil
	case "blake2b256":
		return func(m *pb.Message) string {
			sum := blake2b.Sum256(m.Data)
			return string(sum[:])
		}, nil
	case "first8":
		return func(m *pb.Message) string { return string(m.Data[:min(8, len(m.Data))]) }, nil
	}
	return nil, fmt.Errorf("unknown message id %q", kind)
}

func signing(kind string) ([]pubsub.Option, error) {
	switch kind {
	case "strict":
		return []pubsub.Option{pubsub.WithMessageSignaturePolicy(pubsub.StrictSign)}, nil
	case "nosign":
		return []pubsub.Option{pubsub.WithMessageSignaturePolicy(pubsub.StrictNoSign)}, nil
	case "anonymous":
		return []pubsub.Option{pubsub.WithMessageSignaturePolicy(pubsub.StrictNoSign),
			pubsub.WithNoAuthor()}, nil
	}
	return nil, fmt.Errorf("unknown signing %q", kind)
}

// params sets GossipSub parameters by their Go names; durations as Go writes them.
func params(settings []string) (pubsub.GossipSubParams, error) {
	p := pubsub.DefaultGossipSubParams()
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		field := reflect.ValueOf(&p).Elem().FieldByName(name)
		if !field.IsValid() {
			return p, fmt.Errorf("unknown parameter %q", name)
		}
		if field.Type() == reflect.TypeOf(time.Duration(0)) {
			d, err := time.ParseDuration(value)
			if err != nil {
				return p, err
			}
			field.SetInt(int64(d))
			continue
		}
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return p, err
		}
		if field.CanFloat() {
			field.SetFloat(number)
		} else {
			field.SetInt(int64(number))
		}
	}
	return p, nil
}

func newGossip(n *node) (*gossip, error) {
	g := &gossip{node: n, topics: map[string]*pubsub.Topic{},
		cancel: map[string]context.CancelFunc{}, count: map[string]int{}}
	id, err := messageID(n.settings.messageID)
	if err != nil {
		return nil, err
	}
	options, err := signing(n.settings.sign)
	if err != nil {
		return nil, err
	}
	p, err := params(n.settings.params)
	if err != nil {
		return nil, err
	}
	options = append(options, pubsub.WithMessageIdFn(id), pubsub.WithGossipSubParams(p),
		pubsub.WithFloodPublish(n.settings.flood))
	if n.settings.quiet {
		options = append(options, pubsub.WithPeerOutboundQueueSize(quietQueue),
			pubsub.WithValidateQueueSize(quietQueue))
	} else {
		options = append(options, pubsub.WithRawTracer(g), pubsub.WithValidateQueueSize(256),
			pubsub.WithValidateWorkers(20))
	}
	if n.settings.versions != "" {
		ids := []protocol.ID{}
		for _, v := range strings.Split(n.settings.versions, ",") {
			ids = append(ids, protocol.ID("/meshsub/"+v+".0"))
		}
		options = append(options, pubsub.WithGossipSubProtocols(ids, pubsub.GossipSubDefaultFeatures))
	}
	if n.settings.score {
		options = append(options, g.scores.option())
	}
	if n.settings.testExtension {
		options = append(options, pubsub.WithTestExtension(pubsub.TestExtensionConfig{
			OnReceiveTestExtension: func(from peer.ID) { say(object{"ev": "test-extension", "peer": from.String()}) }}))
	}
	if n.settings.partial {
		g.parts = newParts(g)
		options = append(options, pubsub.WithPartialMessagesExtension(g.parts.extension))
	}
	n.pubsub, err = pubsub.NewGossipSub(n.ctx, n.host, options...)
	return g, err
}

func (g *gossip) topic(name string) (*pubsub.Topic, error) {
	g.lock.Lock()
	defer g.lock.Unlock()
	if t := g.topics[name]; t != nil {
		return t, nil
	}
	topicOptions := []pubsub.TopicOpt{}
	if g.parts != nil {
		topicOptions = append(topicOptions, pubsub.RequestPartialMessages())
	}
	if pause := g.node.settings.validateMs; pause > 0 {
		err := g.node.pubsub.RegisterTopicValidator(name, func(context.Context, peer.ID, *pubsub.Message) bool {
			time.Sleep(time.Duration(pause) * time.Millisecond)
			return true
		})
		if err != nil {
			return nil, err
		}
	}
	t, err := g.node.pubsub.Join(name, topicOptions...)
	if err != nil {
		return nil, err
	}
	g.topics[name] = t
	events, err := t.EventHandler()
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			e, err := events.NextPeerEvent(g.node.ctx)
			if err != nil {
				return
			}
			say(object{"ev": "subscription", "topic": name, "peer": e.Peer.String(),
				"subscribed": e.Type == pubsub.PeerJoin})
		}
	}()
	return t, nil
}

func (g *gossip) subscribe(name string) error {
	t, err := g.topic(name)
	if err != nil {
		return err
	}
	sub, err := t.Subscribe(pubsub.WithBufferSize(4096))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(g.node.ctx)
	g.lock.Lock()
	g.cancel[name] = func() {
		cancel()
		sub.Cancel()
	}
	g.lock.Unlock()
	go func() {
		for {
			m, err := sub.Next(ctx)
			if err != nil {
				return
			}
			if m.ReceivedFrom == g.node.host.ID() {
				continue
			}
			sum := sha256.Sum256(m.Data)
			say(object{"ev": "message", "topic": name, "size": len(m.Data),
				"sha256": hex.EncodeToString(sum[:]), "via": m.ReceivedFrom.String(),
				"from": peer.ID(m.From).String(), "signed": len(m.Signature) > 0})
		}
	}()
	return nil
}

func (g *gossip) unsubscribe(name string) error {
	g.lock.Lock()
	defer g.lock.Unlock()
	if g.cancel[name] == nil {
		return errors.New("not subscribed to " + name)
	}
	g.cancel[name]()
	delete(g.cancel, name)
	return nil
}

func (g *gossip) publish(c command) (object, error) {
	t, err := g.topic(c.Topic)
	if err != nil {
		return nil, err
	}
	data, err := c.body()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	return object{"sha256": hex.EncodeToString(sum[:])}, t.Publish(g.node.ctx, data)
}

// forge sends one message on a pubsub stream of its own, made by hand: signed well, signed and then
// altered, or unsigned.
func (n *node) forge(c command) error {
	data, err := c.body()
	if err != nil {
		return err
	}
	seqno := binary.BigEndian.AppendUint64(nil, uint64(time.Now().UnixNano()))
	m := &pb.Message{From: []byte(n.host.ID()), Data: data, Seqno: seqno, Topic: &c.Topic}
	if c.Signed {
		plain, err := proto.Marshal(m)
		if err != nil {
			return err
		}
		if m.Signature, err = n.key.Sign(append([]byte("libp2p-pubsub:"), plain...)); err != nil {
			return err
		}
	}
	if c.Tamper {
		m.Signature[20] ^= 1
	}
	body, err := proto.Marshal(&pb.RPC{Publish: []*pb.Message{m}})
	if err != nil {
		return err
	}
	s, err := n.open(c, protocol.ID(c.Protocol))
	if err != nil {
		return err
	}
	_, err = s.Write(append(binary.AppendUvarint(nil, uint64(len(body))), body...))
	return err
}

func (g *gossip) counts() object {
	o := object{}
	g.countLock.Lock()
	for name, count := range g.count {
		o[name] = count
	}
	g.countLock.Unlock()
	g.lock.Lock()
	defer g.lock.Unlock()
	mesh := object{}
	for name := range g.topics {
		ids := []string{}
		for _, id := range g.topics[name].ListPeers() {
			ids = append(ids, id.String())
		}
		mesh[name] = ids
	}
	o["topic_peers"] = mesh
	return o
}

func (g *gossip) tally(direction string, rpc *pubsub.RPC) {
	g.countLock.Lock()
	defer g.countLock.Unlock()
	g.count["publish_"+direction] += len(rpc.GetPublish())
	control := rpc.GetControl()
	if control == nil {
		return
	}
	g.count["ihave_"+direction] += len(control.GetIhave())
	g.count["iwant_"+direction] += len(control.GetIwant())
	g.count["graft_"+direction] += len(control.GetGraft())
	g.count["prune_"+direction] += len(control.GetPrune())
	g.count["idontwant_"+direction] += len(control.GetIdontwant())
}

// What follows is pubsub.RawTracer.

func (g *gossip) OnNewOutboundStream(p peer.ID, proto protocol.ID) {
	say(object{"ev": "pubsub-peer", "peer": p.String(), "protocol": proto})
}
func (g *gossip) OnClosedOutboundStream(p peer.ID) {
	say(object{"ev": "pubsub-gone", "peer": p.String()})
}
func (g *gossip) Join(string)  {}
func (g *gossip) Leave(string) {}
func (g *gossip) Graft(p peer.ID, topic string) {
	say(object{"ev": "graft", "peer": p.String(), "topic": topic})
}
func (g *gossip) Prune(p peer.ID, topic string) {
	say(object{"ev": "prune", "peer": p.String(), "topic": topic})
}
func (g *gossip) ValidateMessage(*pubsub.Message) {}
func (g *gossip) DeliverMessage(*pubsub.Message)  {}
func (g *gossip) RejectMessage(m *pubsub.Message, reason string) {
	say(object{"ev": "rejected", "reason": reason, "via": m.ReceivedFrom.String()})
}
func (g *gossip) DuplicateMessage(*pubsub.Message) {
	g.countLock.Lock()
	g.count["duplicates"]++
	g.countLock.Unlock()
}
func (g *gossip) ThrottlePeer(peer.ID) {}
func (g *gossip) RecvRPC(rpc *pubsub.RPC) {
	g.tally("received", rpc)
}
func (g *gossip) SendRPC(rpc *pubsub.RPC, _ peer.ID)   { g.tally("sent", rpc) }
func (g *gossip) DropRPC(rpc *pubsub.RPC, _ peer.ID)   { g.tally("dropped", rpc) }
func (g *gossip) UndeliverableMessage(*pubsub.Message) {}
