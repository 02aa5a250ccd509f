// A service that does nothing without a permit.
//
//   node service.mjs --jwks http://127.0.0.1:8081/.well-known/jwks.json \
//     --audience payments --issuer http://127.0.0.1:8081 --port 9000

import { createServer, STATUS_CODES } from 'node:http'
import { parseArgs } from 'node:util'
import { Refused, verifier } from './permit.mjs'

const LARGEST_BODY = 1024 * 1024

const { values: options } = parseArgs({
  options: {
    jwks: { type: 'string' }, // URL of the gate's key set
    audience: { type: 'string' }, // the upstream's name in the gate's configuration
    issuer: { type: 'string' }, // the gate's admin URL
    port: { type: 'string', default: '9000' },
    'check-headers': { type: 'boolean', default: false } // also require the approved headers
  }
})
for (const name of ['jwks', 'audience', 'issuer']) {
  if (!options[name]) { // jose would leave an undefined audience or issuer unchecked
    console.error(`--${name} is missing`)
    process.exit(2)
  }
}

const verify = verifier(options)
let executed = 0

const server = createServer(async (request, response) => {
  const answer = (status, type, content) => {
    response.writeHead(status, { 'content-type': type }).end(JSON.stringify(content))
  }
  const problem = (status, detail) => answer(status, 'application/problem+json',
    { type: 'about:blank', title: STATUS_CODES[status], status, detail: `Not executed: ${detail}` })
  try {
    const chunks = []
    let size = 0
    for await (const chunk of request) {
      size += chunk.length
      if (size > LARGEST_BODY) return problem(413, 'the body is larger than this service reads')
      chunks.push(chunk)
    }
    const claims = await verify({
      permits: request.headersDistinct['holdshort-permit'],
      method: request.method,
      target: request.url, // raw: path and query as they stood in the request line
      body: Buffer.concat(chunks), // raw: what the digest was made of
      rawHeaders: options['check-headers'] ? request.rawHeaders : undefined
    })
    // From here on it is this service's own work.
    executed += 1
    answer(200, 'application/json', { intent_id: claims.intent_id, executed })
  } catch (error) {
    if (error instanceof Refused) return problem(401, error.message)
    problem(500, 'this service failed')
  }
})

server.listen(Number(options.port), '127.0.0.1', () => {
  console.log(`listening on 127.0.0.1:${server.address().port}`)
})
