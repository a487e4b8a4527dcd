#!/usr/bin/env bash
# Checks and measures the CUDA backend on a machine with an NVIDIA GPU, within ten minutes, and leaves everything as files.
#
#   bench/gpu-check.sh --prepare      elsewhere, with a JDK and a network: builds bench/target/gpu-check.tar.gz
#   bench/gpu-check.sh                on the GPU's machine, in a checkout with that file in its place
#
# It needs there NVIDIA's driver, bash, tar, timeout, and no network. From the file come a Java runtime, Azulejo (with its kernels as PTX if nvcc was
# where it was prepared, so that NVRTC is not needed) and the compiled conformance tests. Without the file it runs ./azulejo, which needs a JDK 25 and
# cli/target/azulejo.jar, and leaves the conformance tests out. PyTorch and compute-sanitizer are used where they are installed.
#
#   --backend NAME   another backend: cuda-emulated, to try this script itself
#   --quick          tiny sizes and no models, for the same purpose
#   --out DIR        where the results go (default: bench/results/gpu-NAME-DATE)
#   --models DIR     where the models of random weights lie or are made, 7 GB (default: azulejo/bench in the user's cache)
#   --seconds N      limit of the whole (default: 600); the steps that matter most come first
set -u

home=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
packed=$home/bench/target/gpu-check.tar.gz
goldens=$home/tests/src/test/resources/goldens
backend=cuda quick='' out='' models='' total=600 prepare=''
while (($#)); do
  case $1 in
    --prepare) prepare=1 ;;
    --quick) quick=--quick ;;
    --backend | --out | --models | --seconds)
      (($# > 1)) || { echo "gpu-check: $1 needs a value" >&2 && exit 2; }
      case $1 in --backend) backend=$2 ;; --out) out=$2 ;; --models) models=$2 ;; --seconds) total=$2 ;; esac
      shift
      ;;
    -h | --help) sed -n '2,/^set /{s/^# \{0,1\}//;/^set /d;p}' "${BASH_SOURCE[0]}" && exit ;;
    *) echo "gpu-check: unknown argument '$1'; see bench/gpu-check.sh --help" >&2 && exit 2 ;;
  esac
  shift
done
[[ $total =~ ^[1-9][0-9]*$ ]] || { echo "gpu-check: --seconds must be a number of 1 or more, not '$total'" >&2 && exit 2; }

if [[ $prepare ]]; then
  set -e
  folder=$home/bench/target/gpu-check
  rm -rf "$folder" "$packed"
  mkdir -p "$folder"
  ptx=''
  command -v "${NVCC:-nvcc}" >/dev/null && ptx=-Pptx || echo "gpu-check: there is no nvcc, so the kernels are not compiled here: the other machine needs NVRTC" >&2
  "$home/mvnw" -q -B -f "$home/pom.xml" $ptx -pl cli -am -DskipTests package
  "$home/mvnw" -q -B -f "$home/pom.xml" -pl kernels dependency:copy-dependencies -DincludeScope=test -DincludeGroupIds=org.assertj,net.bytebuddy \
    "-DoutputDirectory=$folder/junit"
  "$home/mvnw" -q -B -f "$home/pom.xml" -pl kernels dependency:copy -Dartifact=org.junit.platform:junit-platform-console-standalone:1.14.1 \
    "-DoutputDirectory=$folder/junit"
  AZULEJO_JAVA_OPTIONS='' AZULEJO_CLASSPATH='' "$home/azulejo" bundle "$folder/bundle"
  cp -r "$home/kernels/target/test-classes" "$folder/tests"
  tar -C "$folder" -czf "$packed.part" . && mv "$packed.part" "$packed"
  rm -rf "$folder"
  ls -l "$packed"
  exit
fi

# ---- where things are -------------------------------------------------------------------------------------------------------

SECONDS=0
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
if [[ -f $packed ]]; then
  tar -C "$work" -xzf "$packed" || exit 1
  azulejo=$work/bundle/azulejo
else
  azulejo=$home/azulejo
fi

name=$backend
if [[ $backend == cuda ]] && command -v nvidia-smi >/dev/null; then
  name=$(nvidia-smi --query-gpu=name --format=csv,noheader | head -n 1 | tr -cs 'A-Za-z0-9' '-' | tr 'A-Z' 'a-z')
fi
out=${out:-$home/bench/results/gpu-${name%-}-$(date +%Y%m%d-%H%M%S)}
mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 1
summary=$out/summary.txt
: >"$summary" || exit 1
failed=0

say() { echo "$1" | tee -a "$summary"; }

# step NAME SECONDS COMMAND...: runs it with its own limit and its own log.
step() {
  local name=$1 limit=$2 start=$SECONDS status
  shift 2
  ((limit <= total - SECONDS)) || limit=$((total - SECONDS))
  if ((limit < 1)); then
    failed=1
    say "$(printf '%-28s not run: the %s s are over' "$name" "$total")"
    return 1
  fi
  timeout -k 5 "$limit" "$@" >"$out/$name.log" 2>&1 </dev/null
  status=$?
  case $status in
    0) say "$(printf '%-28s passed, %s s' "$name" $((SECONDS - start)))" ;;
    124 | 137) say "$(printf '%-28s FAILED: stopped after %s s' "$name" "$limit")" ;;
    *) say "$(printf '%-28s FAILED with status %s, %s s: %s' "$name" "$status" $((SECONDS - start)) "$(tail -n 1 "$out/$name.log" | cut -c 1-160)")" ;;
  esac
  ((status == 0)) || failed=1
  return "$status"
}

skip() { say "$(printf '%-28s left out: %s' "$1" "$2")"; }

machine() {
  date -u
  uname -a
  nproc
  df -h /tmp
  git -C "$home" log -1 --format='%H %s' 2>/dev/null
  command -v nvidia-smi >/dev/null && nvidia-smi && nvidia-smi -q -d CLOCK,MEMORY,POWER
  return 0
}
export -f machine
export home

# ---- the steps, those that matter most first --------------------------------------------------------------------------------

step machine 20 bash -c machine
step devices 60 "$azulejo" devices
if ! grep -q "^$backend  *[^ ]" "$out/devices.log" || grep -q "^$backend  *not available" "$out/devices.log"; then
  failed=1
  say "the backend $backend cannot run here: $(grep "^$backend " "$out/devices.log" || echo "azulejo devices does not list it")"
  exit 1
fi

folders="t5-tiny amused-tiny llamagen-tiny vqdiffusion-tiny clip-tiny amused512-tiny vqdiffusion-tiny-legacybin quantizers"
[[ ! $quick ]] || folders="t5-tiny quantizers"
for folder in $folders; do
  step "parity-$folder" 60 "$azulejo" parity "$goldens/$folder" --backend "$backend" --debug
done
for folder in amused-tiny llamagen-tiny vqdiffusion-tiny; do
  for format in bf16 f16; do
    [[ $quick ]] || step "parity-$folder-$format" 60 "$azulejo" parity "$goldens/$folder" --backend "$backend" --weights "$format" --debug
  done
done

peer=()
if [[ $backend != cuda ]]; then
  skip torch "PyTorch is compared with on a device"
elif ! command -v python3 >/dev/null; then
  skip torch "there is no python3"
elif ! python3 -c 'import torch' 2>/dev/null; then
  skip torch "PyTorch is not installed"
elif step torch 60 bash -c 'python3 "$0" >"$1"' "$home/bench/torch_rival.py" "$out/torch.json"; then
  peer=(--peer "$out/torch.json")
fi
# shellcheck disable=SC2086 # --quick or nothing
step bench-ops 150 "$azulejo" bench --debug --backend "$backend" $quick --only matmul,attention,decode,draw --json "$out/bench-ops.json" "${peer[@]}"

if [[ -d $work/tests ]]; then
  step conformance 240 "$work/bundle/runtime/bin/java" --add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED "-Dazulejo.test.cuda=$backend" \
    -cp "$(printf '%s:' "$work"/junit/*.jar "$work"/bundle/lib/*.jar)$work/tests" org.junit.platform.console.ConsoleLauncher execute --disable-banner \
    --details=tree --disable-ansi-colors --select-class=azulejo.kernels.CudaConformanceTest
else
  skip conformance "there is no $packed; make it with bench/gpu-check.sh --prepare"
fi

if [[ $quick ]]; then
  skip bench-models "only without --quick"
else
  step bench-models 240 "$azulejo" bench --debug --backend "$backend" --only amused-256,llamagen-B-384,llamagen-XL-classes,vqdiffusion-ithq --json "$out/bench-models.json" \
    ${models:+--models "$models"}
fi

sanitizer=$(PATH=$PATH:/usr/local/cuda/bin:/opt/cuda/bin command -v compute-sanitizer)
for tool in memcheck racecheck; do
  if [[ $backend != cuda ]]; then
    skip "$tool" "compute-sanitizer watches devices"
  elif [[ ! $sanitizer ]]; then
    skip "$tool" "compute-sanitizer is not installed"
  else
    step "$tool" 90 "$sanitizer" --tool "$tool" --target-processes all --error-exitcode 86 "$azulejo" parity "$goldens/t5-tiny" --backend "$backend"
  fi
done

say "$( ((failed)) && echo FAILED || echo passed), $SECONDS s, on $name; results in $out"
exit "$failed"
