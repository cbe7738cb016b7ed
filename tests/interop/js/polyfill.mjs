// Promise.withResolvers is there from node 22 on; libp2p calls it, and node 20 is what Debian users have.
Promise.withResolvers ??= function withResolvers () {
  const parts = {}
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }))
  return parts
}
