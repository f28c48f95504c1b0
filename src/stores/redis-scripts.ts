/**
 * What the store does in one step each. A session has two keys with one hash tag, so that a cluster keeps them
 * together: `record` is a hash (owner, epoch, version of the last write, the record's JSON, the log's JSON without its
 * events), `log` a list of the events' JSON, oldest first. The hash's epoch is the truth, the JSON's may be older.
 * In each script the first command that writes is one that a full server refuses: it would let the ones after it pass.
 */
export const SCRIPTS = {
  /**
   * Writes a session. KEYS record, log. ARGV owner, epoch, version, base version (empty: the log is given whole),
   * how many events base has, how many stay, time to live in ms, record, log head, new events…
   * A version that is not newer comes from a connection that was given up: the server read it late.
   */
  berthWrite: {
    numberOfKeys: 2,
    lua: `
      local stored = redis.call('HMGET', KEYS[1], 'owner', 'epoch', 'version')
      local epoch, mine = tonumber(stored[2] or -1), tonumber(ARGV[2])
      if epoch > mine or (epoch == mine and stored[1] ~= ARGV[1]) then return 'superseded' end
      if epoch == mine and tonumber(stored[3]) >= tonumber(ARGV[3]) then return 'late' end
      local whole = ARGV[4] == ''
      if not whole and (epoch ~= mine or stored[3] ~= ARGV[4] or redis.call('LLEN', KEYS[2]) ~= tonumber(ARGV[5])) then
        return 'rewrite'
      end
      redis.call('HSET', KEYS[1],
        'owner', ARGV[1], 'epoch', ARGV[2], 'version', ARGV[3], 'record', ARGV[8], 'head', ARGV[9])
      if whole then redis.call('DEL', KEYS[2]) end
      for i = 10, #ARGV do redis.call('RPUSH', KEYS[2], ARGV[i]) end
      if ARGV[6] == '0' then redis.call('DEL', KEYS[2]) else redis.call('LTRIM', KEYS[2], -tonumber(ARGV[6]), -1) end
      redis.call('PEXPIRE', KEYS[1], ARGV[7])
      redis.call('PEXPIRE', KEYS[2], ARGV[7])
      return 'stored'`,
  },
  /** Removes a session that is not somebody else's by now. KEYS record, log. ARGV owner, epoch. */
  berthRemove: {
    numberOfKeys: 2,
    lua: `
      local stored = redis.call('HMGET', KEYS[1], 'owner', 'epoch')
      local epoch, mine = tonumber(stored[2] or -1), tonumber(ARGV[2])
      if epoch > mine or (epoch == mine and stored[1] ~= ARGV[1]) then return 'superseded' end
      redis.call('DEL', KEYS[1], KEYS[2])
      return 'removed'`,
  },
  /**
   * Takes a session over. KEYS record, log. ARGV new owner, expected owner and epoch (empty: any), time to live in ms,
   * deadline in ms of the server's clock: past it the caller has given up, and would not know what it holds.
   */
  berthTakeOver: {
    numberOfKeys: 2,
    lua: `
      local stored = redis.call('HMGET', KEYS[1], 'owner', 'epoch', 'record', 'head')
      if not stored[1] then return {'unknown'} end
      local time = redis.call('TIME')
      if time[1] * 1000 + time[2] / 1000 > tonumber(ARGV[5]) then return {'late'} end
      if (ARGV[2] ~= '' and ARGV[2] ~= stored[1]) or (ARGV[3] ~= '' and ARGV[3] ~= stored[2]) then
        return {'held', stored[1], stored[2]}
      end
      local epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)
      redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'version', 0)
      redis.call('PEXPIRE', KEYS[1], ARGV[4])
      redis.call('PEXPIRE', KEYS[2], ARGV[4])
      return {'taken', epoch, stored[3], stored[4], redis.call('LRANGE', KEYS[2], 0, -1)}`,
  },
  /**
   * Says that a pod is alive. KEYS the fleet's owner tags by the time they were last seen. ARGV owner, ms to keep tags.
   * Answers whether the tag was there (if not, the store was emptied) and the server's time in ms.
   */
  berthBeat: {
    numberOfKeys: 1,
    lua: `
      local time = redis.call('TIME')
      local now = time[1] * 1000 + math.floor(time[2] / 1000)
      local known = redis.call('ZSCORE', KEYS[1], ARGV[1])
      redis.call('ZADD', KEYS[1], now, ARGV[1])
      redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
      redis.call('PEXPIRE', KEYS[1], ARGV[2])
      return {known and 1 or 0, now}`,
  },
} as const;
