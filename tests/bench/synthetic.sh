#!/usr/bin/env bash
# The synthetic kinds and heaps of every size, one after the other:
#
#   tests/bench/synthetic.sh short|full NODE WASMEDGE MODULES_FOLDER CSV
#
# Results are appended to the CSV file; tests/bench/synthetic-table.mjs makes tables of it.
set -euo pipefail
[ $# = 5 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
here=$(dirname "$(readlink -f "$0")")
form=$1 node=$2 wasmedge=$3 modules=$4 csv=$5
small=live-1000,live-10000,live-100000,live-1000000,live-10000000
kinds=larson,random,lifo,grow-half,grow-eighth,text,trees,calloc
sweep=(--peers pym,dlmalloc,mimalloc)

figures() { "$node" "$here/synthetic-figures.mjs" --csv "$csv" "$@" "$wasmedge" "$modules"; }
times() { "$node" "$here/synthetic.mjs" --csv "$csv" "$@" "$modules"; }

case $form in
short)
  figures --peers pym,dlmalloc --kinds "$small"
  times --engines node24 --rounds 3 --operations 100000
  times --engines node24 --rounds 3 "${sweep[@]}" --kinds "$small"
  ;;
full)
  figures --kinds "$kinds"
  figures "${sweep[@]}" --kinds "$small,live-100000000,live-1000000000"
  times --engines node20,node22,node24,node26,bun,js128
  times --engines node20 "${sweep[@]}" --kinds "$small,live-100000000,live-1000000000"
  ;;
*) echo "$form: short or full" >&2; exit 2 ;;
esac
