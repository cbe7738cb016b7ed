// Floods, as ../../../sim/live/flood.h describes them: one peer publishes, another counts and publishes its count.

const STEP = 64n
const PATIENCE_MS = 5000

const answersOf = topic => `${topic}/acknowledged`

function numbers (flood, number, size = 16) {
  const bytes = Buffer.alloc(size)
  bytes.writeBigUInt64BE(flood)
  bytes.writeBigUInt64BE(number, 8)
  return bytes
}

export function floodCommands (gossip) {
  const handlers = new Map() // topic -> what to do with its messages
  gossip.addEventListener('gossipsub:message', ({ detail: { msg } }) => {
    handlers.get(msg.topic)?.(Buffer.from(msg.data.buffer, msg.data.byteOffset, msg.data.byteLength))
  })

  const acknowledge = command => {
    let flood = 0n
    let count = 0n
    handlers.set(command.topic, data => {
      if (data.length < 16) return
      const id = data.readBigUInt64BE()
      if (id !== flood) {
        flood = id
        count = 0n
      }
      count++
      if (count % STEP === 0n) gossip.publish(answersOf(command.topic), numbers(flood, count))
    })
    gossip.subscribe(command.topic)
  }

  const flood = async command => {
    const id = BigInt(Date.now()) * 1000000n
    const window = BigInt(command.window)
    let acknowledged = 0n
    let wake = () => {}
    handlers.set(answersOf(command.topic), data => {
      if (data.length !== 16 || data.readBigUInt64BE() !== id) return
      const count = data.readBigUInt64BE(8)
      if (count > acknowledged) acknowledged = count
      wake()
    })
    gossip.subscribe(answersOf(command.topic))
    const until = async wanted => {
      while (acknowledged < wanted) {
        const before = acknowledged
        let timer
        await new Promise(resolve => {
          wake = resolve
          timer = setTimeout(resolve, PATIENCE_MS)
        })
        clearTimeout(timer)
        if (acknowledged === before) throw new Error(`no acknowledgement after ${acknowledged} messages`)
      }
    }
    const start = performance.now()
    let sent = 0n
    while (performance.now() - start < command.ms || sent % STEP !== 0n) {
      if (sent >= window) await until(sent - window + 1n)
      await gossip.publish(command.topic, numbers(id, sent + 1n, command.size))
      sent++
    }
    await until(sent)
    const seconds = (performance.now() - start) / 1000
    return { messages: Number(sent), seconds, messages_per_s: Number(sent) / seconds }
  }

  return { acknowledge, flood }
}
