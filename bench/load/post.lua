-- POST of 1 KiB of JSON. Arguments after `--`: the agent's key, or nothing.
function init(args)
  local start, stop = '{"amount":42,"customer_id":"cus_4711","memo":"', '"}'
  local body = start .. string.rep("m", 1024 - #start - #stop) .. stop
  local headers = { ["Content-Type"] = "application/json" }
  if args[1] then headers["Holdshort-Key"] = args[1] end
  request_bytes = wrk.format("POST", nil, headers, body)
end

function request()
  return request_bytes
end

dofile(debug.getinfo(1, "S").source:sub(2):match("(.*/)") .. "report.lua")
