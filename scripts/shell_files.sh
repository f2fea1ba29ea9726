#!/usr/bin/env bash
# Makes what shells and man know about the program, from its own help texts.
#
#   scripts/shell_files.sh FOLDER PROGRAM      PROGRAM may be several words: an emulator before it
#
# FOLDER receives msmodelslim.bash and _msmodelslim (completion for bash and zsh) and msmodelslim.1.
set -euo pipefail
folder=${1:?usage: scripts/shell_files.sh FOLDER PROGRAM}
: "${2:?usage: scripts/shell_files.sh FOLDER PROGRAM}"
program=("${@:2}")
mkdir -p "$folder"
export LC_ALL=C OMP_NUM_THREADS=1

commands=$("${program[@]}" --help | sed -n 's/^  msmodelslim \([a-z][a-z]*\).*/\1/p' | sort -u)
benchmarks=$("${program[@]}" eval --help | awk -F '  +' '/^[a-z].*  / { gsub(",", "", $1); print $1 }' | tr '\n' ' ')
families=$("${program[@]}" traditional --help | sed -n 's/^  \([a-z][a-z0-9_]*\)  .*/\1/p' | tr '\n' ' ')

options_of() {  # options_of WORD...: the long options of a command
  "${program[@]}" "$@" --help | sed -n 's/^  \(-[a-zA-Z],\{0,1\} *\)\{0,1\}\(--[a-z][a-zA-Z0-9_-]*\).*/\2/p' | sort -u | tr '\n' ' '
}

# One line `WORDS) NAME="VALUES"` for each command and benchmark.
cases() {
  local command benchmark
  for command in $commands; do
    case $command in
      eval)
        echo "    eval) words=\"$benchmarks\" ;;"
        for benchmark in $benchmarks; do
          echo "    'eval $benchmark') words=\"$(options_of eval "$benchmark")\" ;;"
        done
        ;;
      traditional) echo "    traditional) words=\"$families\" ;;" ;;
      *) echo "    $command) words=\"$(options_of "$command")\" ;;" ;;
    esac
  done
}
all_cases=$(cases)
list=$(tr '\n' ' ' <<<"$commands")

cat >"$folder/msmodelslim.bash" <<EOF
# bash completion for msmodelslim
_msmodelslim() {
  local current=\${COMP_WORDS[COMP_CWORD]} words=
  local command=\${COMP_WORDS[1]}
  if ((COMP_CWORD == 1)); then
    command=
  elif [[ \$command == eval ]] && ((COMP_CWORD > 2)); then
    command="eval \${COMP_WORDS[2]}"
  fi
  case \$command in
    '') words="$list--help --version" ;;
$all_cases
  esac
  mapfile -t COMPREPLY < <(compgen -W "\$words" -- "\$current")
}
complete -o bashdefault -o default -F _msmodelslim msmodelslim
EOF

cat >"$folder/_msmodelslim" <<EOF
#compdef msmodelslim
# zsh completion for msmodelslim
local command=\${words[2]} current=\$CURRENT
if ((current == 2)); then
  command=
elif [[ \$command == eval ]] && ((current > 3)); then
  command="eval \${words[3]}"
fi
_msmodelslim_words() {
  local words=
  case \$1 in
    '') words="$list--help --version" ;;
$all_cases
  esac
  compadd -- \${=words}
}
_msmodelslim_words "\$command"
((current == 2)) || _files
EOF

{
  echo ".TH MSMODELSLIM 1 \"\" \"$("${program[@]}" --version)\""
  echo ".SH NAME"
  echo "msmodelslim \\- makes large language models small"
  section() {  # section TITLE: the text of standard input as it is
    echo ".SH $1"
    echo ".nf"
    sed -e 's/\\/\\e/g' -e "s/^[.']/\\\\\&&/" -e 's/-/\\-/g'
    echo ".fi"
  }
  "${program[@]}" --help | section DESCRIPTION
  for command in $commands; do
    "${program[@]}" "$command" --help | section "$(tr '[:lower:]' '[:upper:]' <<<"$command")"
  done
  for benchmark in $benchmarks; do
    "${program[@]}" eval "$benchmark" --help | section "EVAL $(tr '[:lower:]' '[:upper:]' <<<"$benchmark")"
  done
} >"$folder/msmodelslim.1"
