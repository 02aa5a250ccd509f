#!/bin/sh
# Asks before a risky action, polls without a key, and tries to approve with its own key.
# Needs BASE_URL and SECRET_KEY. Prints a line for each step.
set -eu

inspect() {
  curl -s -X POST "$BASE_URL/api/runtime/inspect" \
    -H "Authorization: Bearer $SECRET_KEY" \
    -H "Content-Type: application/json" \
    -d "{
      \"id\": \"demo-action-001\",
      \"agentId\": \"ci-deploy-agent-prod\",
      \"agentName\": \"CI Deploy Agent\",
      \"actionType\": \"$1\",
      \"description\": \"Deploy v2.1.4 to production\",
      \"context\": { \"service\": \"api-gateway\", \"version\": \"v2.1.4\" },
      \"timestamp\": \"2026-05-26T10:00:00.000Z\",
      \"environment\": \"production\"
    }"
}

# The value of a text in an answer on one line.
field() {
  sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"
}

echo "read_metrics $(inspect read_metrics | field decision)"
echo "drop_database $(inspect drop_database | field decision)"
answer=$(inspect production_deploy)
url=$(echo "$answer" | field approvalUrl)
id=$(echo "$answer" | field approvalId)
echo "production_deploy $(echo "$answer" | field decision) $(echo "$answer" | field actionId)"

for deed in approve deny; do
  code=$(curl -s -o /dev/null -w '%{http_code}' -X POST "$BASE_URL/v1/approvals/${url#/intents/}/$deed" \
    -H "Authorization: Bearer $SECRET_KEY" -H "Content-Type: application/json" -d '{}')
  echo "$deed with an agent's key $code"
done

echo "asked ${url#/intents/}"
tries=0
while status=$(curl -s -X GET "$BASE_URL/api/runtime/actions/$id" | field status) && [ "$status" = pending ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 300 ] || exit 1
  sleep 0.1
done
echo "status $status"
