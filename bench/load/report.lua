-- What `bench/run` reads of a run: one line of JSON at its end.
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\nreport {"requests":%d,"seconds":%.6f,"p50_us":%d,"p99_us":%d,"not_2xx":%d,"broken":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
