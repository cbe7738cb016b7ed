// GossipSub: the service with the asked-for settings, its events and its commands.

import { createHash } from 'node:crypto'
import { gossipsub } from '@libp2p/gossipsub'
import { publicKeyToProtobuf } from '@libp2p/crypto/keys'
import { blake2b } from '@noble/hashes/blake2.js'

const sha256 = data => createHash('sha256').update(data).digest()

// Like go's default: the author's peer id, then the sequence number.
function authorId (message) {
  if (message.type !== 'signed') return sha256(message.data)
  const seqno = Buffer.alloc(8)
  seqno.writeBigUInt64BE(message.sequenceNumber)
  return Buffer.concat([message.from.toMultihash().bytes, seqno])
}

const MESSAGE_IDS = {
  default: authorId,
  sha256: message => sha256(message.data),
  blake2b256: message => blake2b(message.data, { dkLen: 32 }),
  first8: message => message.data.subarray(0, 8),
}

export function gossipService (settings) {
  const options = {
    msgIdFn: MESSAGE_IDS[settings.messageId],
    globalSignaturePolicy: settings.sign === 'strict' ? 'StrictSign' : 'StrictNoSign',
    floodPublish: settings.flood,
    allowPublishToZeroTopicPeers: true,
    fallbackToFloodsub: false,
    emitSelf: false,
    // All peers share one address here, which default scoring punishes.
    scoreParams: { IPColocationFactorWeight: 0, behaviourPenaltyWeight: 0 },
    ...settings.params,
  }
  if (options.msgIdFn == null) throw new Error(`unknown message id ${settings.messageId}`)
  return components => {
    const service = gossipsub(options)(components)
    if (settings.versions !== '') {
      service.protocols = settings.versions.split(',').map(v => `/meshsub/${v}.0`)
    }
    if (settings.publishNowhere) {
      service.selectPeersToPublish = () =>
        ({ tosend: new Set(), tosendCount: { direct: 0, floodsub: 0, mesh: 0, fanout: 0 } })
    }
    return service
  }
}

export function watchGossip (gossip, say, quiet) {
  if (!quiet) gossip.addEventListener('gossipsub:message', ({ detail }) => say({
    ev: 'message',
    topic: detail.msg.topic,
    size: detail.msg.data.length,
    sha256: sha256(detail.msg.data).toString('hex'),
    via: detail.propagationSource.toString(),
    from: detail.msg.from?.toString() ?? '',
    signed: detail.msg.type === 'signed',
  }))
  gossip.addEventListener('subscription-change', ({ detail }) => {
    for (const s of detail.subscriptions) {
      say({ ev: 'subscription', peer: detail.peerId.toString(), topic: s.topic, subscribed: s.subscribe })
    }
  })
  for (const kind of ['graft', 'prune']) {
    gossip.addEventListener(`gossipsub:${kind}`, ({ detail }) =>
      say({ ev: kind, peer: detail.peerId.toString(), topic: detail.topic }))
  }
}

// Counts control messages by wrapping the places that all RPCs pass.
export function countGossip (gossip) {
  const counts = {}
  const tally = (direction, rpc) => {
    const add = (name, list) => {
      counts[`${name}_${direction}`] = (counts[`${name}_${direction}`] ?? 0) + (list?.length ?? 0)
    }
    add('publish', rpc.messages)
    for (const kind of ['ihave', 'iwant', 'graft', 'prune', 'idontwant']) add(kind, rpc.control?.[kind])
  }
  const { sendRpc, sendRpcInBatch, handleReceivedRpc } = gossip
  gossip.sendRpcInBatch = function (ids, rpc) {
    for (const _ of ids) tally('sent', rpc)
    return sendRpcInBatch.call(this, ids, rpc)
  }
  gossip.sendRpc = function (id, rpc) {
    tally('sent', rpc)
    return sendRpc.call(this, id, rpc)
  }
  gossip.handleReceivedRpc = function (from, rpc) {
    tally('received', rpc)
    return handleReceivedRpc.call(this, from, rpc)
  }
  return counts
}

function varint (n) {
  const bytes = []
  for (; n > 127; n >>>= 7) bytes.push(n & 127 | 128)
  return Buffer.from([...bytes, n])
}

const field = (number, bytes) => Buffer.concat([Buffer.from([number << 3 | 2]), varint(bytes.length), bytes])

// One RPC with one message made by hand: signed well, signed and then altered, or unsigned.
export async function forgedRpc (key, author, command) {
  const seqno = Buffer.alloc(8)
  seqno.writeBigUInt64BE(BigInt(Date.now()) * 1000000n)
  const plain = Buffer.concat([
    field(1, author.toMultihash().bytes), field(2, command.body()), field(3, seqno), field(4, Buffer.from(command.topic)),
  ])
  const parts = [plain]
  if (command.signed) {
    const signature = Buffer.from(await key.sign(Buffer.concat([Buffer.from('libp2p-pubsub:'), plain])))
    if (command.tamper) signature[20] ^= 1
    parts.push(field(5, signature), field(6, Buffer.from(publicKeyToProtobuf(key.publicKey))))
  }
  const rpc = field(2, Buffer.concat(parts))
  return Buffer.concat([varint(rpc.length), rpc])
}

export function gossipCommands (gossip, counts, settings) {
  return {
    subscribe: command => {
      if (settings.validateMs > 0) {
        gossip.topicValidators.set(command.topic, async () => {
          await new Promise(resolve => setTimeout(resolve, settings.validateMs))
          return 'accept'
        })
      }
      gossip.subscribe(command.topic)
    },
    unsubscribe: command => gossip.unsubscribe(command.topic),
    publish: async command => {
      const data = command.body()
      const { recipients } = await gossip.publish(command.topic, data)
      return { sha256: sha256(data).toString('hex'), recipients: recipients.length }
    },
    counts: () => ({
      ...counts,
      topic_peers: Object.fromEntries(gossip.getTopics().map(t => [t, gossip.getSubscribers(t).map(String)])),
    }),
  }
}
