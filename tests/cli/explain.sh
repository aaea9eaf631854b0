#!/bin/sh
# explain and schema: what a field or a rule means; the schema is JSON Schema draft-07 and says every top key.
. "$(dirname "$0")/lib"
expect 0 explain promotion-without-fence;      prints "HF2004"
expect 0 explain HF2004;                       prints "promotion-without-fence"
expect 0 explain vaults;                       [ -s out ]
expect_json 0 explain HF2001;                  [ -n "$(value data.text)" ]
expect 1 explain promotion-without-fnce;       says "promotion-without-fence"; prints_nothing
expect 1 explain no.such.field;                says "hint:"
expect 0 schema;                               is '$schema' "http://json-schema.org/draft-07/schema#"
"$json_tool" get properties.components out >/dev/null
"$json_tool" get properties.failover out >/dev/null
expect_json 0 schema
