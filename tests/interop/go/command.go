// The commands: one JSON object a line, answered with its id.
package main

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
)

const dialTimeout = 15 * time.Second

type command struct {
	ID       int    `json:"id"`
	Cmd      string `json:"cmd"`
	Addr     string `json:"addr"`
	Peer     string `json:"peer"`
	Topic    string `json:"topic"`
	Protocol string `json:"protocol"`
	Tag      string `json:"tag"`
	Text     string `json:"text"`
	Hex      string `json:"hex"`
	Size     int64  `json:"size"`
	Count    int    `json:"count"`
	PauseMs  int    `json:"pause_ms"`
	Ms       int    `json:"ms"`
	Window   uint64 `json:"window"`
	Mesh     bool   `json:"mesh"`
	Group    int64  `json:"group"`
	Have     int    `json:"have"`

	Value float64 `json:"value"`

	Tamper   bool   `json:"tamper"`
	Signed   bool   `json:"signed"`
}

// body is the payload of a command: given, or Size bytes that differ from message to message.
func (c *command) body() ([]byte, error) {
	if c.Hex != "" {
		return hex.DecodeString(c.Hex)
	}
	if c.Text != "" {
		return []byte(c.Text), nil
	}
	body := make([]byte, c.Size)
	fillPattern(body, time.Now().UnixNano())
	return body, nil
}

func (n *node) answer(c command) {
	result, err := n.perform(c)
	if err != nil {
		say(object{"id": c.ID, "error": err.Error()})
		return
	}
	if result == nil {
		result = object{}
	}
	result["id"] = c.ID
	result["ok"] = true
	say(result)
}

func (n *node) perform(c command) (object, error) {
	switch c.Cmd {
	case "dial":
		return n.dial(c)
	case "known":
		return n.known(c)
	case "adopt":
		return n.adopt(c)
	case "close":
		return nil, n.closePeer(c)
	case "ping":
		return n.ping(c)
	case "put":
		return n.put(c)
	case "get":
		return n.get(c)
	case "echo":
		return n.echo(c)
	case "half-close":
		return n.halfClose(c)
	case "reset":
		return n.reset(c)
	case "handle":
		n.host.SetStreamHandler(protocol.ID(c.Protocol), func(s network.Stream) { s.Reset() })
		return nil, nil
	case "subscribe":
		return nil, n.gossip.subscribe(c.Topic)
	case "unsubscribe":
		return nil, n.gossip.unsubscribe(c.Topic)
	case "publish":
		return n.gossip.publish(c)
	case "join":
		_, err := n.gossip.topic(c.Topic)
		return nil, err
	case "acknowledge":
		return nil, n.gossip.acknowledge(c.Topic)
	case "flood":
		return n.gossip.flood(c)
	case "forge":
		return nil, n.forge(c)
	case "parts":
		return nil, n.gossip.parts.add(c)
	case "app":
		id, err := peer.Decode(c.Peer)
		if err == nil {
			n.gossip.scores.set(id, c.Value)
		}
		return nil, err
	case "counts":
		return n.gossip.counts(), nil
	case "broadcast":
		return n.algorandSend(c)
	}
	return nil, errors.New("unknown command " + c.Cmd)
}

func (n *node) closePeer(c command) error {
	id, err := peer.Decode(c.Peer)
	if err != nil {
		return err
	}
	return n.host.Network().ClosePeer(id)
}

func (n *node) ping(c command) (object, error) {
	id, err := peer.Decode(c.Peer)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(n.ctx, dialTimeout)
	defer cancel()
	answers := ping.Ping(ctx, n.host, id)
	rtts := []float64{}
	for len(rtts) < max(c.Count, 1) {
		select {
		case answer := <-answers:
			if answer.Error != nil {
				return nil, answer.Error
			}
			rtts = append(rtts, float64(answer.RTT.Microseconds())/1000)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return object{"rtt_ms": rtts}, nil
}
