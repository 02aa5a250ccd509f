// Verifying a Holdshort permit with jose. `npm install jose`
//
//   const verify = verifier({ jwks: 'https://gate.example.com/.well-known/jwks.json',
//                             audience: 'payments', issuer: 'https://gate.example.com' })
//   const claims = await verify({ permits, method, target, body })      // throws Refused
//
// Make one for the whole process: it remembers which permits were used.

import { createHash } from 'node:crypto'
import { createRemoteJWKSet, jwtVerify } from 'jose'

const LEEWAY = 60 // seconds by which the clocks may differ
const LONGEST_LIFETIME = 600 // from iat to exp
const REMEMBERED = 262_144 // permits; when full, refuse: forgetting one would let it pass twice
const ALGORITHMS = ['ES256', 'EdDSA', 'RS256']
const TEXTS = ['iss', 'aud', 'sub', 'jti', 'intent_id', 'action', 'risk_tier', 'project',
  'htm', 'target', 'content_digest', 'headers_digest', 'decision']

// The request carries no permit for itself: answer 401 and do nothing.
export class Refused extends Error {}

// RFC 9530, of the raw body (a Buffer): compute it before any parser has seen the body.
export function contentDigest (body) {
  return `sha-256=:${createHash('sha256').update(body).digest('base64')}:`
}

// `rawHeaders` is what node:http received, in order; `names` the permit's claim `headers`.
export function headersDigest (names, rawHeaders) {
  const fields = []
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at].toLowerCase()
    if (names.includes(name)) fields.push([name, rawHeaders[at + 1].replace(/^[ \t]+|[ \t]+$/g, '')])
  }
  fields.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0)) // stable: values keep their order
  return contentDigest(Buffer.from(fields.map(([name, value]) => `${name}:${value}\n`).join(''), 'latin1'))
}

export function verifier ({ jwks, audience, issuer }) {
  // Fetched again for an unknown `kid`, once a minute at most, and when ten minutes old.
  const keys = createRemoteJWKSet(new URL(jwks), { cooldownDuration: 60_000, cacheMaxAge: 600_000 })
  const used = new Map() // jti -> when it may be forgotten

  // Picks the key. A key of the set is used with its own algorithm only, never with what the token asks for.
  const keyOf = async (header, token) => {
    if (typeof header.kid !== 'string') throw new Refused('the permit names no key')
    return keys(header, token)
  }

  // permits: every value of the header Holdshort-Permit; target: path and query exactly as received;
  // rawHeaders: give it to have the approved headers checked too.
  return async function verify ({ permits = [], method, target, body, rawHeaders }) {
    if (permits.length !== 1) throw new Refused(permits.length ? 'more than one permit' : 'no permit')
    let verified
    try {
      verified = await jwtVerify(permits[0], keyOf, {
        algorithms: ALGORITHMS, audience, issuer, clockTolerance: LEEWAY
      })
    } catch (error) {
      throw error instanceof Refused ? error : new Refused(`the permit does not hold: ${error.message}`)
    }
    const { protectedHeader: header, payload: claims } = verified
    if (header.typ !== 'permit+jwt') throw new Refused('the permit is of another kind')
    if (['jku', 'jwk', 'x5u', 'x5c', 'crit'].some(name => name in header)) {
      throw new Refused('the permit\'s header names a key or an extension of its own')
    }
    for (const name of TEXTS) {
      if (typeof claims[name] !== 'string') throw new Refused(`the permit is malformed: ${name}`)
    }
    if (!Number.isSafeInteger(claims.iat) || !Number.isSafeInteger(claims.exp) || !Array.isArray(claims.headers)) {
      throw new Refused('the permit is malformed: iat and exp are integers, headers is a list')
    }
    const lifetime = claims.exp - claims.iat
    if (lifetime <= 0 || lifetime > LONGEST_LIFETIME) {
      throw new Refused('the permit\'s lifetime is not one that a gate gives')
    }
    const now = Date.now() / 1000
    if (claims.iat > now + LEEWAY) throw new Refused('the permit was minted in the future')

    const differs = what => { throw new Refused(`the permit is for another request: ${what} differs`) }
    if (claims.htm !== method) differs('htm')
    if (claims.target !== target) differs('target')
    if (claims.content_digest !== contentDigest(body)) differs('content_digest')
    if (rawHeaders && claims.headers_digest !== headersDigest(claims.headers, rawHeaders)) differs('headers_digest')

    // No `await` from here on: of two simultaneous uses, one passes.
    if (used.size >= REMEMBERED) {
      for (const [jti, until] of used) if (until <= now) used.delete(jti)
    }
    if (used.has(claims.jti)) throw new Refused('the permit was used before')
    if (used.size >= REMEMBERED) throw new Refused('too many permits in use')
    used.set(claims.jti, claims.exp + LEEWAY)
    return claims
  }
}
