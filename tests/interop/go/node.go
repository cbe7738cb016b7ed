// The libp2p host, configured as algod's: TCP, Noise and yamux only.
package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strconv"
	"time"

	libp2p "github.com/libp2p/go-libp2p"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/multiformats/go-multiaddr"
)

type node struct {
	settings *settings
	ctx      context.Context
	key      crypto.PrivKey
	host     host.Host
	pubsub   *pubsub.PubSub
	gossip   *gossip
	algorand *algorand // nil without /algorand-ws
}

// makeKey gives the key of the seed, or a random one whose id sorts as asked for. Ids of Ed25519 keys
// sort as their public keys.
func makeKey(s *settings) (crypto.PrivKey, error) {
	seed := make([]byte, ed25519.SeedSize)
	for {
		if s.seed != "" {
			number, err := strconv.ParseUint(s.seed, 10, 32)
			if err != nil {
				return nil, err
			}
			binary.BigEndian.PutUint32(seed[28:], uint32(number))
		} else {
			rand.Read(seed)
		}
		private, public, err := crypto.GenerateEd25519Key(bytes.NewReader(seed))
		if err != nil {
			return nil, err
		}
		raw, err := public.Raw()
		if err != nil {
			return nil, err
		}
		if s.idOrder == "" || s.idOrder == "low" && raw[0] == 0 || s.idOrder == "high" && raw[0] == 255 {
			return private, nil
		}
	}
}

// security is Noise; without early muxer negotiation it names no muxers in its handshake.
func security(s *settings) libp2p.Option {
	if s.earlyMuxer {
		return libp2p.Security(noise.ID, noise.New)
	}
	plain := func(id protocol.ID, key crypto.PrivKey) (*noise.Transport, error) {
		return noise.New(id, key, nil)
	}
	return libp2p.Security(noise.ID, plain)
}

func newHost(s *settings, key crypto.PrivKey) (host.Host, error) {
	manager, err := connmgr.NewConnManager(96, 192)
	if err != nil {
		return nil, err
	}
	// The library's limits let a peer open about 64 streams of a protocol; the tests want 100.
	resources, err := rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(rcmgr.InfiniteLimits))
	if err != nil {
		return nil, err
	}
	muxer := *yamux.DefaultTransport
	muxer.KeepAliveInterval = time.Duration(s.keepaliveMs) * time.Millisecond
	return libp2p.New(
		libp2p.Identity(key),
		libp2p.UserAgent("hearsay-interop/go"),
		libp2p.Transport(tcp.NewTCPTransport),
		security(s),
		libp2p.Muxer(yamux.ID, &muxer),
		libp2p.ConnectionManager(manager),
		libp2p.ResourceManager(resources),
		libp2p.NoListenAddrs,
	)
}

func newNode(s *settings) (*node, error) {
	n := &node{settings: s, ctx: context.Background()}
	var err error
	if n.key, err = makeKey(s); err != nil {
		return nil, err
	}
	if n.host, err = newHost(s, n.key); err != nil {
		return nil, err
	}
	n.host.Network().Notify(&network.NotifyBundle{
		ConnectedF:    func(_ network.Network, c network.Conn) { sayConnection("connected", c) },
		DisconnectedF: func(_ network.Network, c network.Conn) { sayConnection("disconnected", c) },
	})
	if err = n.watchIdentify(); err != nil {
		return nil, err
	}
	n.serveStreams()
	if n.gossip, err = newGossip(n); err != nil {
		return nil, err
	}
	if s.genesis != "" {
		n.algorand = newAlgorand(n)
	}
	if s.listen == "none" {
		return n, nil
	}
	at, err := multiaddr.NewMultiaddr(s.listen)
	if err != nil {
		return nil, err
	}
	return n, n.host.Network().Listen(at)
}

func sayConnection(what string, c network.Conn) {
	state := c.ConnState()
	say(object{"ev": what, "peer": c.RemotePeer().String(),
		"inbound": c.Stat().Direction == network.DirInbound, "security": state.Security,
		"muxer": state.StreamMultiplexer, "early": state.UsedEarlyMuxerNegotiation})
}

// watchIdentify tells what peers say of themselves, at first and by push.
func (n *node) watchIdentify() error {
	events, err := n.host.EventBus().Subscribe([]any{
		new(event.EvtPeerIdentificationCompleted),
		new(event.EvtPeerIdentificationFailed),
		new(event.EvtPeerProtocolsUpdated),
	})
	if err != nil {
		return err
	}
	go func() {
		for e := range events.Out() {
			switch e := e.(type) {
			case event.EvtPeerIdentificationCompleted:
				addrs := []string{}
				for _, a := range e.ListenAddrs {
					addrs = append(addrs, a.String())
				}
				observed := ""
				if e.ObservedAddr != nil {
					observed = e.ObservedAddr.String()
				}
				say(object{"ev": "identified", "peer": e.Peer.String(), "agent": e.AgentVersion,
					"protocol_version": e.ProtocolVersion, "addrs": addrs, "observed": observed,
					"protocols": e.Protocols, "signed_record": e.SignedPeerRecord != nil})
			case event.EvtPeerIdentificationFailed:
				say(object{"ev": "identify-failed", "peer": e.Peer.String(), "error": e.Reason.Error()})
			case event.EvtPeerProtocolsUpdated:
				say(object{"ev": "pushed", "peer": e.Peer.String(), "added": e.Added,
					"removed": e.Removed})
			}
		}
	}()
	return nil
}

func (n *node) dial(c command) (object, error) {
	at, err := peer.AddrInfoFromString(c.Addr)
	if err != nil {
		return nil, err
	}
	mesh := n.algorand != nil && c.Mesh
	if mesh {
		n.host.ConnManager().Protect(at.ID, algorandTag)
	}
	ctx, cancel := context.WithTimeout(n.ctx, dialTimeout)
	defer cancel()
	if err = n.host.Connect(ctx, *at); err != nil {
		if mesh {
			n.host.ConnManager().Unprotect(at.ID, algorandTag)
		}
		return nil, err
	}
	return object{"peer": at.ID.String()}, nil
}

// known gives the addresses at which we would look for a peer.
func (n *node) known(c command) (object, error) {
	id, err := peer.Decode(c.Peer)
	if err != nil {
		return nil, err
	}
	addrs := []string{}
	for _, a := range n.host.Peerstore().Addrs(id) {
		addrs = append(addrs, a.String())
	}
	return object{"addrs": addrs}, nil
}

// adopt makes the mesh take a peer that is already connected.
func (n *node) adopt(c command) (object, error) {
	id, err := peer.Decode(c.Peer)
	if err != nil {
		return nil, err
	}
	conns := n.host.Network().ConnsToPeer(id)
	if len(conns) == 0 || n.algorand == nil {
		return nil, fmt.Errorf("no connection to %s", c.Peer)
	}
	n.host.ConnManager().Protect(id, algorandTag)
	go n.algorand.handleConnected(conns[0])
	return object{}, nil
}
