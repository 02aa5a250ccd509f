-- GET of a small JSON answer. Arguments after `--`: the agent's key, or nothing.
function init(args)
  local headers = {}
  if args[1] then headers["Holdshort-Key"] = args[1] end
  request_bytes = wrk.format("GET", nil, headers, nil)
end

function request()
  return request_bytes
end

dofile(debug.getinfo(1, "S").source:sub(2):match("(.*/)") .. "report.lua")
