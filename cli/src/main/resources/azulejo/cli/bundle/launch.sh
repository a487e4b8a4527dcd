# How Azulejo's JVM is started, from a clone and from a bundle: sourced by both launchers, plain sh.
#
#   AZULEJO_JAVA_OPTIONS   more options for the JVM, e.g. -Xmx4g

# The width of the terminal that standard error is, 0 where it is none.
columns=0
if [ -t 2 ]; then
  columns=$(stty size <&2 2>/dev/null) && columns=${columns#* }
  case $columns in '' | 0* | *[!0-9]*) columns=80 ;; esac
fi

# launch HOME JAVA CLASSPATH [ARG...]: becomes the JVM.
launch() {
  home=$1 java=$2 classpath=$3
  shift 3

  # Java reads its arguments in the encoding of the locale, and plain ASCII cannot say "é".
  case $(locale charmap 2>/dev/null) in '' | ANSI_X3.4-1968 | US-ASCII) LC_ALL=C.UTF-8 && export LC_ALL ;; esac

  # The JVM warns of each incubator module before the program can do anything about it. So it starts with a filter on its
  # standard error and the real one as descriptor 3, which the program puts back in its place before it prints anything.
  # Where no pipe can be made the warning is seen.
  command exec 3>&2 || exec 3>/dev/null
  stderr=2
  if pipe=$(mktemp -d 2>/dev/null); then
    if mkfifo "$pipe/stderr" 2>/dev/null; then
      stderr=3
      grep -v '^WARNING: Using incubator modules' <"$pipe/stderr" >&3 2>/dev/null &
      exec 2>"$pipe/stderr"
    fi
    rm -r "$pipe"
  fi

  # Tensors lie outside the Java heap, which is small and quickly collected on one thread.
  # shellcheck disable=SC2086 # the options are meant to be split
  exec "$java" \
    --add-modules jdk.incubator.vector --enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow \
    -XX:+UseSerialGC -Xmx2g -XX:-UsePerfData \
    -Djava.awt.headless=true -Dazulejo.home="$home" -Dazulejo.stderr="$stderr" -Dazulejo.columns="$columns" \
    ${AZULEJO_JAVA_OPTIONS-} -cp "$classpath" azulejo.cli.Main "$@"
}
