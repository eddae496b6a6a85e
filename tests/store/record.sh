#!/bin/bash
# Records a journal for tests/store/ with the program at hand: a cut that is acknowledged, what people report and ask for, a
# restart, a recovery and a correction. Needs root, ip, nft, curl and python3.
#   tests/store/record.sh target/debug/linkpatrol > tests/store/recorded-VERSION.sql
set -eu
program=$(realpath "$1"); from=$(realpath "$(dirname "$0")/../.."); site=/srv/patrol; log=$(mktemp)
[ ! -e $site ]; mkdir -p $site; cd $site
cp -r "$from/tests/bad/good/inventory" site; mkdir probes; cp "$from/probes/private-far.yaml" probes/
echo 'synthetic: false
files: {carriers: carriers.yaml, units: units.yaml, segments: segments.yaml, links: [links.csv]}' > site/inventory.yaml
echo 'carriers: [{id: one, name: 甲}, {id: two, name: 乙}]' > site/carriers.yaml
echo 'units: [{id: U1, name: 甲单位}, {id: U2, name: 乙单位}]' > site/units.yaml
echo 'segments: []' > site/segments.yaml
echo 'id,cid,kind,carrier,unit,a_end,z_end,bandwidth,far_address
LL-0001,C-1,private,one,U1,枢纽,远端,100M,127.10.0.1
LL-0002,C-2,private,two,U2,枢纽,远端,100M,127.10.0.2
LL-0003,C-3,private,one,U1,枢纽,远端,100M,127.10.0.3' > site/links.csv
printf 'data_dir: state\ninventory: site\nprobes: probes\nlanguage: en\n' > linkpatrol.yaml

name=lp-record-$$; ip netns add $name; trap 'ip netns delete $name; rm -rf $site $log' EXIT
ns() { ip netns exec $name "$@"; }
ns ip link set lo up
ns nft -f - <<< 'table inet cut {
  set down { type ipv4_addr; }
  chain input { type filter hook input priority 0; ip daddr @down drop; }
}'
get() { ns curl -s "http://127.0.0.1:9815$1"; }
post() { ns curl -sf -H 'Content-Type: application/json' "http://127.0.0.1:9815/api/v1/$1" -d "$2" >&2; echo >&2; }
begin() { ip netns exec $name "$program" serve --config.file linkpatrol.yaml > "$log" 2>&1 & pid=$!; }
end() { sleep 1.5; kill -TERM $pid; wait $pid || true; }
until_said() { for _ in $(seq 150); do get "$1" | grep -q "$2" && return; sleep 0.2; done; echo "in vain: $1 $2" >&2; exit 1; }

begin
for link in 1 2 3; do until_said /api/v1/links/LL-000$link '"state":"up"'; done
ns nft add element inet cut down '{ 127.10.0.1 }'
until_said /api/v1/incidents '"announced":"'
id=$(get /api/v1/incidents | python3 -c 'import json, sys; print(json.load(sys.stdin)["incidents"][0]["id"])')
post incidents/$id/acknowledge '{"actor": "示例甲", "note": "示例甲已派单"}'
post incidents '{"actor": "示例乙", "links": ["LL-0003"], "what": "用户来电：业务不通"}'
post changes '{"actor": "示例乙", "requester": "示例甲", "what": "换光模块", "reason": "误码"}'
post windows '{"actor": "示例乙", "requester": "示例甲", "approver": "示例丙", "scopes": ["link/LL-0002"],
  "from": "2030-01-01T00:00:00+08:00", "to": "2030-01-01T02:00:00+08:00", "reason": "割接"}'
end
ns nft delete element inet cut down '{ 127.10.0.1 }'
begin
until_said /api/v1/incidents/$id '"phase":"restored"'
post incidents/$id/annul '{"actor": "示例甲", "second": "示例乙", "reason": "测试误报"}'
end
"$program" journal replay --data-dir state >&2
python3 - <<'PYTHON'
import sqlite3
journal = sqlite3.connect("state/journal.db")
print("-- journal.db as tests/store/record.sh made it: never changed, tests/stories/s32_journal.rs plays it with today's version.")
for pragma in ("application_id", "user_version"):
    print(f"PRAGMA {pragma} = {journal.execute(f'PRAGMA {pragma}').fetchone()[0]};")
print("\n".join(journal.iterdump()))
PYTHON
