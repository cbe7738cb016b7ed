// A js-libp2p peer for the interoperability tests: settings as flags, commands as JSON lines on
// standard input, answers and events as JSON lines on standard output.

import './polyfill.mjs'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { identify, identifyPush } from '@libp2p/identify'
import { noise } from '@libp2p/noise'
import { peerIdFromString } from '@libp2p/peer-id'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { floodCommands } from './flood.mjs'
import { countGossip, forgedRpc, gossipCommands, gossipService, watchGossip } from './gossip.mjs'
import { serveStreams, streamCommands } from './streams.mjs'

const say = object => process.stdout.write(JSON.stringify(object) + '\n')

function parseFlags () {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '' },
      listen: { type: 'string', default: '/ip4/127.0.0.1/tcp/0' },
      sign: { type: 'string', default: 'strict' },
      msgid: { type: 'string', default: 'default' },
      versions: { type: 'string', default: '' },
      flood: { type: 'string', default: 'false' },
      'early-muxer': { type: 'string', default: 'true' },
      set: { type: 'string', multiple: true, default: [] },
      // Own messages travel by gossip only: with D = 0 the library sends them to everyone.
      'publish-nowhere': { type: 'string', default: 'false' },
      // For measuring: no line a message, nothing counted.
      quiet: { type: 'string', default: 'false' },
      'sink-pause-ms': { type: 'string', default: '0' },
      'keepalive-ms': { type: 'string', default: '30000' },
      'validate-ms': { type: 'string', default: '0' },
    },
  })
  return {
    seed: values.seed,
    listen: values.listen,
    sign: values.sign,
    messageId: values.msgid,
    versions: values.versions,
    flood: values.flood === 'true',
    publishNowhere: values['publish-nowhere'] === 'true',
    earlyMuxer: values['early-muxer'] === 'true',
    params: Object.fromEntries(values.set.map(s => s.split('=')).map(([k, v]) => [k, Number(v)])),
    quiet: values.quiet === 'true',
    sinkPauseMs: Number(values['sink-pause-ms']),
    keepaliveMs: Number(values['keepalive-ms']),
    validateMs: Number(values['validate-ms']),
  }
}

async function makeKey (settings) {
  if (settings.seed === '') return generateKeyPairFromSeed('Ed25519', randomBytes(32))
  const seed = Buffer.alloc(32)
  seed.writeUInt32BE(Number(settings.seed), 28)
  return generateKeyPairFromSeed('Ed25519', seed)
}

// Noise, that names no muxers in its handshake where early negotiation is off.
function security (settings) {
  if (settings.earlyMuxer) return noise()
  return components => {
    const plain = noise()(components)
    for (const name of ['secureInbound', 'secureOutbound']) {
      const secure = plain[name].bind(plain)
      plain[name] = (connection, options) => secure(connection, { ...options, skipStreamMuxerNegotiation: true })
    }
    return plain
  }
}

// A paused stream of this library takes up to its window, 16 MiB, into a buffer of 4 MiB, and then aborts. So who reads
// slowly must keep the window below that.
function muxer (settings) {
  const options = { keepAliveInterval: settings.keepaliveMs }
  if (settings.sinkPauseMs > 0) options.streamOptions = { maxStreamWindowSize: 1 << 20 }
  return yamux(options)
}

function versions () {
  const found = { node: process.versions.node }
  for (const name of ['libp2p', '@libp2p/tcp', '@libp2p/noise', '@libp2p/yamux', '@libp2p/gossipsub']) {
    const file = new URL(`node_modules/${name}/package.json`, import.meta.url)
    found[name] = JSON.parse(readFileSync(file)).version
  }
  return found
}

async function makeNode (settings, privateKey) {
  return createLibp2p({
    privateKey,
    nodeInfo: { userAgent: 'hearsay-interop/js' },
    addresses: { listen: settings.listen === 'none' ? [] : [settings.listen] },
    transports: [tcp()],
    connectionEncrypters: [security(settings)],
    streamMuxers: [muxer(settings)],
    connectionMonitor: { enabled: false },
    connectionManager: { inboundConnectionThreshold: 1000, maxIncomingPendingConnections: 100 },
    services: { identify: identify(), identifyPush: identifyPush(), ping: ping(), gossip: gossipService(settings) },
    start: false,
  })
}

function watch (node) {
  const connection = what => ({ detail }) => say({
    ev: what,
    peer: detail.remotePeer.toString(),
    inbound: detail.direction === 'inbound',
    security: detail.encryption,
    muxer: detail.multiplexer,
  })
  node.addEventListener('connection:open', connection('connected'))
  node.addEventListener('connection:close', connection('disconnected'))
  node.addEventListener('peer:identify', ({ detail }) => say({
    ev: 'identified',
    peer: detail.peerId.toString(),
    agent: detail.agentVersion,
    protocol_version: detail.protocolVersion,
    protocols: detail.protocols,
    addrs: detail.listenAddrs.map(String),
    observed: String(detail.observedAddr ?? ''),
    signed_record: detail.signedPeerRecord != null,
  }))
  node.addEventListener('peer:update', ({ detail }) => {
    const before = detail.previous?.protocols ?? []
    const after = detail.peer.protocols
    const added = after.filter(p => !before.includes(p))
    if (before.length > 0 && added.length > 0) {
      say({ ev: 'pushed', peer: detail.peer.id.toString(), added, removed: before.filter(p => !after.includes(p)) })
    }
  })
}

function peerCommands (node) {
  const peerOf = command => peerIdFromString(command.peer)
  return {
    dial: async command => {
      const connection = await node.dial(multiaddr(command.addr), { signal: AbortSignal.timeout(15_000) })
      return { peer: connection.remotePeer.toString() }
    },
    close: command => node.hangUp(peerOf(command)),
    ping: async command => {
      const rtts = []
      for (let i = 0; i < (command.count ?? 1); i++) {
        rtts.push(await node.services.ping.ping(peerOf(command), { signal: AbortSignal.timeout(15_000) }))
      }
      return { rtt_ms: rtts }
    },
    known: async command => {
      const { addresses } = await node.peerStore.get(peerOf(command))
      return { addrs: addresses.map(a => a.multiaddr.toString()) }
    },
    handle: command => node.handle(command.protocol, stream => stream.abort(new Error('nothing here'))),
    ...streamCommands(node, peerOf),
  }
}

// The payload of a command: given, or `size` random bytes.
function body (command) {
  if (command.hex != null) return Buffer.from(command.hex, 'hex')
  if (command.text != null) return Buffer.from(command.text)
  return randomBytes(command.size)
}

async function answer (commands, command) {
  try {
    const perform = commands[command.cmd]
    if (perform == null) throw new Error(`unknown command ${command.cmd}`)
    say({ ...await perform({ ...command, body: () => body(command) }), id: command.id, ok: true })
  } catch (err) {
    say({ id: command.id, error: `${err.name}: ${err.message}` })
  }
}

async function main () {
  const settings = parseFlags()
  const key = await makeKey(settings)
  const node = await makeNode(settings, key)
  watch(node)
  const { gossip } = node.services
  watchGossip(gossip, say, settings.quiet)
  const counts = settings.quiet ? {} : countGossip(gossip)
  await serveStreams(node, settings, say)
  await node.start()
  const commands = {
    ...peerCommands(node),
    ...gossipCommands(gossip, counts, settings),
    ...floodCommands(gossip),
    forge: async command => {
      const stream = await node.dialProtocol(peerIdFromString(command.peer), command.protocol)
      stream.send(await forgedRpc(key, node.peerId, command))
    },
  }
  say({
    ev: 'listening',
    peer: node.peerId.toString(),
    addrs: node.getMultiaddrs().map(String),
    versions: versions(),
  })
  for await (const line of createInterface({ input: process.stdin })) {
    const command = JSON.parse(line)
    if (command.cmd === 'quit') break
    answer(commands, command)
  }
  setTimeout(() => process.exit(0), 2000).unref()
  await node.stop()
  process.exit(0)
}

process.on('unhandledRejection', err => say({ ev: 'unhandled', error: `${err.name}: ${err.message}` }))
main().catch(err => {
  say({ ev: 'fatal', error: `${err.name}: ${err.message}` })
  process.exit(1)
})
