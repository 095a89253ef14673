import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';

/** Who may call: decided from the headers of a request, before anything of it is read. */
export interface Guard {
  /** Why the request is refused with 403, or `undefined`. */
  refusal(headers: IncomingHttpHeaders): string | undefined;
  /** Whether the request carries the token, or none is needed. */
  isAuthorized(headers: IncomingHttpHeaders): boolean;
  /** Whether a page of this origin may read the answers: only those that were named. */
  isNamedOrigin(origin: string | undefined): boolean;
}

export interface GuardOptions {
  readonly host: string;
  readonly bearerToken?: string;
  readonly allowOrigins?: readonly string[];
  readonly allowHosts?: readonly string[];
}

export function createGuard(options: GuardOptions): Guard {
  const bound = bare(options.host);
  const listensBeyondLoopback = !isLoopback(options.host);
  const hosts = new Set((options.allowHosts ?? []).map((host) => host.toLowerCase()));
  const origins = new Set(
    (options.allowOrigins ?? []).map((origin) => origin.toLowerCase().replace(/\/$/, '')),
  );
  const token = options.bearerToken === undefined ? undefined : digest(options.bearerToken);

  // A page can make a browser call us under a name that its owner points at this machine (DNS rebinding). It
  // cannot do so under an address, so addresses pass wherever the server is meant to be reached from outside.
  const isAnswered = (name: string) => isOwn(name) || (listensBeyondLoopback && isIP(name) !== 0);
  const isOwn = (name: string) => isLoopback(name) || name === bound;
  /** What was let through last, mostly by the same client. */
  let usual: string | undefined;

  return {
    refusal(headers) {
      if (headers.origin === undefined && headers.host !== undefined && headers.host === usual)
        return undefined;
      const host = headers.host?.toLowerCase() ?? '';
      const name = hostnameOf(host);
      if (name === undefined || !(isAnswered(name) || hosts.has(name) || hosts.has(host))) {
        return `Host ${shown(host)} is not allowed here; --allow-host allows a name`;
      }
      const origin = headers.origin?.toLowerCase();
      if (origin === undefined) {
        usual = headers.host;
        return undefined;
      }
      if (origins.has(origin)) return undefined;
      // A page may come from any address, ours is the one that the request itself went to.
      const originHost = /^https?:\/\/(.+)$/.exec(origin)?.[1] ?? '';
      const originName = hostnameOf(originHost);
      if (originName !== undefined && (originHost === host || isOwn(originName))) return undefined;
      return `Origin ${shown(origin)} is not allowed here; --allow-origin allows one`;
    },
    isAuthorized(headers) {
      if (token === undefined) return true;
      const given = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
      // Digests have one length, so that the comparison takes the same time whatever was sent.
      return timingSafeEqual(digest(given ?? ''), token) && given !== undefined;
    },
    isNamedOrigin: (origin) => origin !== undefined && origins.has(origin.toLowerCase()),
  };
}

/** Whether only this machine can reach what listens on `host`. */
export function isLoopback(host: string): boolean {
  const name = bare(host);
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'));
}

/** The name in a `Host` header without its port and brackets; `undefined` where it is none. */
function hostnameOf(host: string): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^\s:/@?#\\[\]]+))(?::\d{1,5})?$/.exec(host);
  return match?.[1] ?? match?.[2];
}

function bare(host: string): string {
  return host.toLowerCase().replace(/^\[(.*)\]$/, '$1');
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Headers are anyone's text: short and harmless before they stand in an answer. */
function shown(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}
