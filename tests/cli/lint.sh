#!/bin/sh
# lint: the example has no error, a plan with ten mistakes has ten findings with places, no plan is exit 10.
. "$(dirname "$0")/lib"
expect_json 0 lint --plan "$source/docs/plan.example.yaml"
! grep -q '"severity":"error"[^}]*"waived_by":null' out || fail "the example has an unwaived error"
expect 0 lint --plan "$source/docs/plan.example.yaml";       prints " 0 errors"
write_plan
expect 0 lint;                                               prints "holdfast.yaml: 0 errors"
expect_json 1 lint --plan "$source/demo/mission-order.yaml"
expect 10 lint --plan nowhere.yaml;                          says "[HF0010]"; says "--plan FILE"
rm holdfast.yaml
expect 10 lint;                                              says "there is no plan at holdfast.yaml"

# Nobody ever writes to this FIFO: no waiting.
mkfifo fifo
expect 1 lint --plan fifo;                                   says "fifo: it is not a regular file"; says "hint:"
expect 1 vault stats --vault vault --passphrase-file /dev/zero; says "/dev/zero: it is not a regular file"

# A syntax error is one finding.
printf 'plan: 1\nregions: {east: {role: primary\n' >bad.yaml
expect 1 lint --plan bad.yaml;                               prints "bad.yaml: 1 error, 0 warnings"
expect_json 1 lint --plan bad.yaml;                          [ "$(count data.findings)" = 1 ] || fail "a syntax error is $(count data.findings) findings"

# A plan with mistakes of order says them all beside an unknown key; where something could not be read, that it did not look.
order() { expect_json 1 lint --plan "$1"; grep -o '"rule":"[a-z-]*"' out | sort; }
order "$source/demo/mission-order.yaml" >rules
[ "$(wc -l <rules)" -ge 10 ] || fail "not ten findings of meaning: $(cat rules)"
sed 's/^plan: 1/plan: 1\ncolour: blue/' "$source/demo/mission-order.yaml" >more.yaml
order more.yaml | grep -v unknown-key | cmp -s - rules || fail "an unknown key hides what the plan means"
! grep -q 'was not looked at' out err || fail "it looked"
sed 's/^plan: 1/plan: 1\nwaivers: none/' "$source/demo/mission-order.yaml" >less.yaml
expect 1 lint --plan less.yaml;                              says "what the plan means was not looked at"

# Ten mistakes in a good plan are ten errors, each with its line.
write_plan
sed -e 's/^objectives: .*/objectives: {rto: 4, rpo: 2h, mttr: 2h, data_lost: 2h}/' \
    -e 's/role: standby/role: standbi/' \
    -e 's/address: 127.0.2.1/address: 127.0.2.1, adress: 1/' \
    -e 's/kind: local/kind: locl/' \
    -e 's/copy_of: main, within: 15m/copy_of: mian, within: fifteen/' \
    -e 's/every: 1h, vault: main, keep: 30d/every: 1h, vault: maim, keep: forever and a day/' \
    -e 's/may: \[approve\]/may: [aprove]/' holdfast.yaml >ten.yaml
expect_json 1 lint --plan ten.yaml
[ "$(grep -o '"severity":"error"' out | wc -l)" = 10 ] || fail "$(grep -o '"severity":"error"' out | wc -l) errors instead of ten"
expect 1 lint --plan ten.yaml
prints "ten.yaml:8"; prints "^"
for meant in data_loss standby address local main approve; do prints "Did you mean '$meant'"; done
