const KIB = 1024;
const MIB = 1024 ** 2;

/** A Node process with the SDK and a small server loaded, while it works. */
export const PROCESS_BYTES = 128 * MIB;
/** A held session with its stream takes 50 to 90 KB beside its event log. */
export const SESSION_BYTES = 96 * KIB;
/** A parked session is its record, without server object and stream. */
export const PARKED_BYTES = 4 * KIB;
/** A process of a command, as a small server in Node or Python has it for itself. */
export const CHILD_BYTES = 48 * MIB;
/**
 * What a held session takes in V8's heap beside its server object and its event log: two sockets, the stream, the record.
 * `npm run bench:held-sessions` says 8.8 KB.
 */
export const HELD_BYTES = 10 * KIB;
/** The same for the session that berth has with an upstream in place of a server object: 33.5 KB there, less `HELD_BYTES`. */
export const UPSTREAM_BYTES = 24 * KIB;
/** What no pod of berth does without: 59 MiB in a container's own account, with the smallest module and no session. */
export const LEAST_PROCESS_BYTES = 56 * MIB;
