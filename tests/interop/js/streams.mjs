// Streams of our own: echo, sink and source, with the asking and the answering side of each; see
// ../README.md for what they carry.

import { randomBytes } from 'node:crypto'

const ECHO = '/hearsay/echo/1.0.0'
const SINK = '/hearsay/sink/1.0.0'
const SOURCE = '/hearsay/source/1.0.0'
const CHUNK_SIZE = 64 << 10
const MIB = 1 << 20
const LIMITS = { maxInboundStreams: 1000, maxOutboundStreams: 1000 }

const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

async function write (stream, bytes) {
  if (!stream.send(bytes)) await stream.onDrain({ signal: AbortSignal.timeout(120_000) })
}

async function writeMany (stream, size) {
  const chunk = randomBytes(CHUNK_SIZE)
  for (let left = size; left > 0; left -= CHUNK_SIZE) {
    await write(stream, left < CHUNK_SIZE ? chunk.subarray(0, left) : chunk)
  }
}

// What comes until the peer's end. The library's own iteration never ends when the end came before it began, as
// it does when a lazy opener sends everything at once.
async function * chunks (stream) {
  const queue = []
  let failure = null
  let wake = () => {}
  const note = handler => event => {
    handler(event)
    wake()
  }
  const listeners = {
    message: note(event => queue.push(event.data)),
    remoteCloseWrite: note(() => {}),
    close: note(event => { failure = event.error ?? null }),
  }
  for (const [name, listener] of Object.entries(listeners)) stream.addEventListener(name, listener)
  try {
    for (;;) {
      while (queue.length > 0) yield queue.shift()
      if (failure != null) throw failure
      if (stream.remoteWriteStatus === 'closed' && stream.readBufferLength === 0) return
      await new Promise(resolve => { wake = resolve })
    }
  } finally {
    for (const [name, listener] of Object.entries(listeners)) stream.removeEventListener(name, listener)
  }
}

// Counts what comes until the end; reads nothing for a while after each MiB when asked to be slow.
async function drain (stream, pauseMs) {
  let count = 0
  for await (const bytes of chunks(stream)) {
    const before = Math.floor(count / MIB)
    count += bytes.byteLength
    if (pauseMs > 0 && Math.floor(count / MIB) !== before && stream.readStatus === 'readable') {
      stream.pause()
      await sleep(pauseMs)
      if (stream.readStatus === 'paused') stream.resume()
    }
  }
  return count
}

async function readAll (stream) {
  const parts = []
  for await (const bytes of chunks(stream)) parts.push(Buffer.from(bytes.subarray()))
  return Buffer.concat(parts)
}

function word (number) {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(number))
  return bytes
}

function speed (bytes, since) {
  const seconds = (performance.now() - since) / 1000
  return { bytes, seconds, mb_per_s: bytes / 1e6 / seconds }
}

export async function serveStreams (node, settings, say) {
  // An answering side ends its stream itself, or aborts it when something went wrong.
  const serve = (id, handler) => node.handle(id, async (stream, connection) => {
    try {
      await handler(stream, connection)
      await stream.close()
    } catch (err) {
      say({ ev: 'stream-error', protocol: id, error: err.message })
      stream.abort(err)
    }
  }, LIMITS)

  await serve(ECHO, async stream => {
    for await (const bytes of chunks(stream)) await write(stream, bytes)
  })
  await serve(SINK, async (stream, connection) => {
    const bytes = await drain(stream, settings.sinkPauseMs)
    say({ ev: 'sunk', peer: connection.remotePeer.toString(), bytes })
    await write(stream, word(bytes))
  })
  await serve(SOURCE, async stream => {
    const wanted = await readAll(stream)
    await writeMany(stream, Number(wanted.readBigUInt64BE()))
  })
}

export function streamCommands (node, peerOf) {
  const open = (command, id) =>
    node.dialProtocol(peerOf(command), id, { ...LIMITS, signal: AbortSignal.timeout(15_000) })

  // Runs `use` with a stream that is aborted if it fails.
  const using = async (command, id, use) => {
    const stream = await open(command, id)
    try {
      return await use(stream)
    } catch (err) {
      stream.abort(err)
      throw err
    }
  }

  const echoOnce = async (stream, size) => {
    const sent = randomBytes(size)
    const got = readAll(stream)
    for (let at = 0; at < size; at += CHUNK_SIZE) await write(stream, sent.subarray(at, at + CHUNK_SIZE))
    await stream.close()
    if (!sent.equals(await got)) throw new Error(`the echo of ${size} bytes differs`)
  }

  return {
    put: command => using(command, SINK, async stream => {
      const start = performance.now()
      const answer = readAll(stream)
      await writeMany(stream, command.size)
      await stream.close()
      const counted = Number((await answer).readBigUInt64BE())
      if (counted !== command.size) throw new Error(`the sink counted ${counted} of ${command.size} bytes`)
      return speed(counted, start)
    }),

    get: command => using(command, SOURCE, async stream => {
      const start = performance.now()
      const count = drain(stream, command.pause_ms ?? 0)
      await write(stream, word(command.size))
      await stream.close()
      if (await count !== command.size) throw new Error(`the source sent ${await count} of ${command.size} bytes`)
      return speed(command.size, start)
    }),

    echo: async command => {
      const count = command.count ?? 1
      const streams = await Promise.all(Array.from({ length: count }, () => open(command, command.protocol ?? ECHO)))
      await Promise.all(streams.map(stream => echoOnce(stream, command.size)))
      return { streams: count }
    },

    'half-close': command => using(command, ECHO, async stream => {
      const got = readAll(stream)
      await write(stream, Buffer.from('before'))
      await stream.close()
      if ((await got).toString() !== 'before') throw new Error(`got "${await got}" after the half-close`)
      return {}
    }),

    reset: async command => {
      const stream = await open(command, ECHO)
      await write(stream, Buffer.alloc(1000))
      let count = 0
      for await (const bytes of chunks(stream)) {
        count += bytes.byteLength
        if (count >= 1000) break
      }
      stream.abort(new Error('reset on purpose'))
      await using(command, ECHO, after => echoOnce(after, 1000))
      return {}
    },
  }
}
