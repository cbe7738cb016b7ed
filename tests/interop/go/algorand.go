// /algorand-ws as algod's peer-to-peer network speaks it: who opens the stream, the handshakes of
// both versions, and frames of `uint32 length || tag || payload`.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

const (
	algorandTag      = "algorand-ws-mesh"
	algorandFrameMax = 6 << 20
	algorandFeatures = "" // votes and proposals go as they are
)

type algorand struct {
	node     *node
	ids      []protocol.ID // in order of preference
	lock     sync.Mutex
	streams  map[peer.ID]network.Stream
	inflight map[peer.ID]int
}

func newAlgorand(n *node) *algorand {
	a := &algorand{node: n, streams: map[peer.ID]network.Stream{}, inflight: map[peer.ID]int{}}
	for _, v := range strings.Split(n.settings.algorandVersions, ",") {
		id := protocol.ID("/algorand-ws/" + v)
		a.ids = append(a.ids, id)
		n.host.SetStreamHandler(id, a.accept)
	}
	n.host.Network().Notify(&network.NotifyBundle{
		ConnectedF:    func(_ network.Network, c network.Conn) { a.connected(c) },
		DisconnectedF: func(_ network.Network, c network.Conn) { a.disconnected(c.RemotePeer()) },
	})
	return a
}

func (a *algorand) protected(id peer.ID) bool {
	return a.node.host.ConnManager().IsProtected(id, algorandTag)
}

// connected decides who opens the stream: the smaller id does, except towards peers that the mesh
// did not dial.
func (a *algorand) connected(c network.Conn) {
	inbound := c.Stat().Direction == network.DirInbound
	remote := c.RemotePeer()
	if inbound && !a.node.settings.gossipService {
		a.node.host.ConnManager().Unprotect(remote, algorandTag)
		return
	}
	if a.node.host.ID() > remote {
		return
	}
	if !inbound && !a.protected(remote) {
		return
	}
	go a.handleConnected(c)
}

func (a *algorand) disconnected(id peer.ID) {
	a.lock.Lock()
	s := a.streams[id]
	delete(a.streams, id)
	a.lock.Unlock()
	if s != nil {
		s.Close()
		say(object{"ev": "algorand-closed", "peer": id.String()})
	}
}

func (a *algorand) enter(id peer.ID) bool {
	a.lock.Lock()
	defer a.lock.Unlock()
	a.inflight[id]++
	return a.streams[id] == nil
}

func (a *algorand) leave(id peer.ID) {
	a.lock.Lock()
	defer a.lock.Unlock()
	if a.inflight[id]--; a.inflight[id] > 0 {
		return
	}
	delete(a.inflight, id)
	if a.streams[id] == nil {
		a.node.host.ConnManager().Unprotect(id, algorandTag)
	}
}

// handleConnected opens the stream to the peer, unless there is one.
func (a *algorand) handleConnected(c network.Conn) {
	id := c.RemotePeer()
	free := a.enter(id)
	defer a.leave(id)
	if !free {
		return
	}
	ctx, cancel := context.WithTimeout(a.node.ctx, dialTimeout)
	defer cancel()
	s, err := a.node.host.NewStream(ctx, id, a.ids...)
	if err != nil {
		say(object{"ev": "algorand-failed", "peer": id.String(), "error": err.Error()})
		return
	}
	if !a.handshake(s, "local") {
		return
	}
	a.lock.Lock()
	defer a.lock.Unlock()
	if a.streams[id] != nil || c.IsClosed() {
		s.Reset()
		return
	}
	a.streams[id] = s
}

// accept takes a stream that the peer opened; it replaces the one there was.
func (a *algorand) accept(s network.Stream) {
	id := s.Conn().RemotePeer()
	a.enter(id)
	defer a.leave(id)
	inbound := s.Conn().Stat().Direction == network.DirInbound
	if inbound && !a.node.settings.gossipService || !inbound && !a.protected(id) {
		say(object{"ev": "algorand-refused", "peer": id.String()})
		s.Close()
		return
	}
	if !a.handshake(s, "remote") {
		return
	}
	a.lock.Lock()
	old := a.streams[id]
	a.streams[id] = s
	a.lock.Unlock()
	if old != nil {
		old.Close()
	}
}

func (a *algorand) handshake(s network.Stream, opener string) bool {
	id := s.Conn().RemotePeer()
	incoming := s.Conn().Stat().Direction == network.DirInbound
	meta, err := map[string][]string(nil), error(nil)
	if strings.HasSuffix(string(s.Protocol()), "/1.0.0") {
		err = a.handshakeV1(s, incoming)
	} else {
		meta, err = a.handshakeV22(s, incoming)
	}
	if err != nil {
		say(object{"ev": "algorand-failed", "peer": id.String(), "error": err.Error()})
		s.Reset()
		return false
	}
	say(object{"ev": "algorand-ready", "peer": id.String(), "opener": opener, "meta": meta,
		"incoming": incoming, "protocol": s.Protocol()})
	go a.read(s)
	return true
}

// handshakeV1: the connection's dialler writes one byte, the other side reads it.
func (a *algorand) handshakeV1(s network.Stream, incoming bool) error {
	var err error
	if incoming {
		_, err = io.ReadFull(s, make([]byte, 1))
	} else {
		_, err = s.Write([]byte("1"))
	}
	return err
}

// handshakeV22: both sides send their headers, the connection's dialler first.
func (a *algorand) handshakeV22(s network.Stream, incoming bool) (map[string][]string, error) {
	version := "2.2"
	if !incoming {
		if err := a.writeHeaders(s, version); err != nil {
			return nil, err
		}
	}
	meta, err := readHeaders(s)
	if err != nil {
		return nil, err
	}
	offered := append(meta["X-Algorand-Accept-Version"], meta["X-Algorand-Version"]...)
	if !slices.Contains(offered, version) {
		return nil, fmt.Errorf("the peer does not support %s: %v", version, offered)
	}
	if incoming {
		err = a.writeHeaders(s, version)
	}
	return meta, err
}

func (a *algorand) writeHeaders(w io.Writer, version string) error {
	headers := [][2]string{
		{"X-Algorand-Accept-Version", "2.2"},
		{"X-Algorand-Genesis", a.node.settings.genesis},
		{"X-Algorand-Instancename", ""},
		{"X-Algorand-Peer-Features", algorandFeatures},
		{"X-Algorand-Telid", ""},
		{"X-Algorand-Version", version},
	}
	body := []byte{0x80 | byte(len(headers))}
	for _, h := range headers {
		body = append(appendString(body, h[0]), 0x91)
		body = appendString(body, h[1])
	}
	_, err := w.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(body))), body...))
	return err
}

func appendString(out []byte, s string) []byte {
	if len(s) < 32 {
		out = append(out, 0xa0|byte(len(s)))
	} else {
		out = append(out, 0xd9, byte(len(s)))
	}
	return append(out, s...)
}

// count reads the head of a msgpack value in its fix or 8/16 bit form.
func readCount(r *bytes.Reader, fix, mask, wide8, wide16 byte) (int, error) {
	b, err := r.ReadByte()
	if err != nil {
		return 0, err
	}
	if b&^mask == fix {
		return int(b & mask), nil
	}
	if wide8 != 0 && b == wide8 {
		n, err := r.ReadByte()
		return int(n), err
	}
	if b == wide16 {
		var n uint16
		err := binary.Read(r, binary.BigEndian, &n)
		return int(n), err
	}
	return 0, fmt.Errorf("unexpected msgpack byte %#x", b)
}

func readString(r *bytes.Reader) (string, error) {
	n, err := readCount(r, 0xa0, 0x1f, 0xd9, 0xda)
	if err != nil || n > r.Len() {
		return "", errors.Join(err, io.ErrUnexpectedEOF)
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return string(b), err
}

func readHeaders(s io.Reader) (map[string][]string, error) {
	var size uint16
	if err := binary.Read(s, binary.BigEndian, &size); err != nil {
		return nil, err
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(s, body); err != nil {
		return nil, err
	}
	r := bytes.NewReader(body)
	keys, err := readCount(r, 0x80, 0x0f, 0, 0xde)
	if err != nil || keys > 64 {
		return nil, errors.Join(err, errors.New("bad header map"))
	}
	meta := map[string][]string{}
	for range keys {
		key, err := readString(r)
		if err != nil {
			return nil, err
		}
		values, err := readCount(r, 0x90, 0x0f, 0, 0xdc)
		if err != nil || values > 16 {
			return nil, errors.Join(err, errors.New("bad header values"))
		}
		for range values {
			value, err := readString(r)
			if err != nil {
				return nil, err
			}
			meta[key] = append(meta[key], value)
		}
	}
	return meta, nil
}

func (a *algorand) read(s network.Stream) {
	id := s.Conn().RemotePeer()
	for {
		var size uint32
		if err := binary.Read(s, binary.BigEndian, &size); err != nil {
			say(object{"ev": "algorand-ended", "peer": id.String(), "error": err.Error()})
			break
		}
		if size < 2 || size > algorandFrameMax {
			say(object{"ev": "algorand-ended", "peer": id.String(), "error": "bad frame length"})
			s.Reset()
			break
		}
		frame := make([]byte, size)
		if _, err := io.ReadFull(s, frame); err != nil {
			say(object{"ev": "algorand-ended", "peer": id.String(), "error": err.Error()})
			break
		}
		sum := sha256.Sum256(frame[2:])
		say(object{"ev": "algorand", "peer": id.String(), "tag": string(frame[:2]),
			"size": size - 2, "sha256": hex.EncodeToString(sum[:])})
	}
}

// algorandSend writes one frame to every peer, the length apart from the body as algod does.
func (n *node) algorandSend(c command) (object, error) {
	if n.algorand == nil {
		return nil, errors.New("no /algorand-ws here")
	}
	payload, err := c.body()
	if err != nil {
		return nil, err
	}
	a := n.algorand
	a.lock.Lock()
	defer a.lock.Unlock()
	for _, s := range a.streams {
		if err = binary.Write(s, binary.BigEndian, uint32(2+len(payload))); err != nil {
			return nil, err
		}
		if _, err = s.Write(append([]byte(c.Tag), payload...)); err != nil {
			return nil, err
		}
	}
	sum := sha256.Sum256(payload)
	return object{"sha256": hex.EncodeToString(sum[:]), "peers": len(a.streams)}, nil
}
