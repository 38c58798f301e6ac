-- Posts one file, and tells at the end what was measured. The request is made once: nothing runs in here until then, unless
-- the reviews are spread over many slots; then each names another one.
local parts, slots

function init(args)
  local file = assert(io.open(args[1], "rb"))
  wrk.method = "POST"
  wrk.body = file:read("*a")
  file:close()
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["Accept"] = "application/json"
  if args[2] and args[2] ~= "" then wrk.headers["Authorization"] = "Bearer " .. args[2] end
  slots = tonumber(args[3])
  if slots then spread() end
  local pause = tonumber(args[4])
  if pause and pause > 0 then delay = function() return pause end end
end

-- Every mention of the slot is replaced, by any of them in turn; each thread begins elsewhere.
function spread()
  parts = {}
  for part in (wrk.body .. "slot-000000"):gmatch("(.-)slot%-000000") do parts[#parts + 1] = part end
  math.randomseed(tonumber(tostring({}):match("0x(%x+)"), 16) % 2147483647)
  request = function()
    return wrk.format(nil, nil, nil, table.concat(parts, string.format("slot-%06d", math.random(0, slots - 1))))
  end
end

function done(summary, latency, _)
  local e = summary.errors
  io.write(string.format(
    'measured: {"requests":%d,"micros":%d,"p50":%d,"p99":%d,"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.connect, e.read, e.write, e.status, e.timeout))
end
