package azulejo.weights;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;

/**
 * A hub on this machine with one repository, and beside it a second server, another origin, that holds its large files. Answers as Hugging Face's do:
 * {@code /api/models/REPO/revision/REV}, and {@code /REPO/resolve/COMMIT/FILE}, which leads to the second server for a large file.
 */
final class FakeHub implements AutoCloseable {
  static final String REPOSITORY = "someone/model";
  static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

  /** What a test makes a file's server do. */
  enum Fault { NONE, BREAKS_OFF, ENDS_EARLY, NO_RANGES, OTHER_RANGE, OTHER_BYTES, MORE_BYTES, STALLS, NO_DIGEST, ERROR_ONCE, ENDLESS_REDIRECT, TO_FILE }

  /** A file of the repository; a large one is known by its SHA-256. */
  private record Entry(byte[] bytes, boolean large) {
    String digest() {
      MessageDigest digest = large ? Digests.sha256() : Digests.gitBlob(bytes.length);
      digest.update(bytes);
      return Digests.hex(digest);
    }
  }

  private final Map<String, Entry> files = new TreeMap<>();
  private final Map<String, Fault> faults = new HashMap<>();
  /** METHOD PATH, and of a request for a part of a file its range. */
  final List<String> requests = Collections.synchronizedList(new ArrayList<>());
  /** The authorizations that either server was sent, or "none". */
  final List<String> hubTokens = Collections.synchronizedList(new ArrayList<>());
  final List<String> storeTokens = Collections.synchronizedList(new ArrayList<>());
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final HttpServer hub = serve(this::answerAsHub);
  private final HttpServer store = serve(this::answerAsStore);
  String extraName = "";
  boolean gated;

  private interface Answer {
    void to(HttpExchange exchange) throws IOException;
  }

  private HttpServer serve(Answer answer) {
    try {
      HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
      server.setExecutor(threads);
      server.createContext("/", exchange -> {
        try (exchange) {
          answer.to(exchange);
        }
      });
      server.start();
      return server;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  void small(String path, byte[] bytes) {
    files.put(path, new Entry(bytes, false));
  }

  void large(String path, byte[] bytes) {
    files.put(path, new Entry(bytes, true));
  }

  void fault(String path, Fault fault) {
    faults.put(path, fault);
  }

  String digest(String path) {
    return files.get(path).digest();
  }

  URI endpoint() {
    return URI.create("http://127.0.0.1:" + hub.getAddress().getPort());
  }

  long downloads(String path) {
    return requests.stream().filter(r -> r.startsWith("GET") && r.contains("store/" + path)).count();
  }

  private void answerAsHub(HttpExchange exchange) throws IOException {
    String path = exchange.getRequestURI().getPath();
    requests.add(exchange.getRequestMethod() + " " + exchange.getRequestURI().getRawPath());
    hubTokens.add(String.valueOf(exchange.getRequestHeaders().getFirst("Authorization")));
    if (gated && !"Bearer hf_secret".equals(exchange.getRequestHeaders().getFirst("Authorization"))) {
      exchange.sendResponseHeaders(401, -1);
    } else if (path.startsWith("/api/models/" + REPOSITORY + "/revision/")) {
      list(exchange);
    } else if (path.startsWith("/" + REPOSITORY + "/resolve/" + COMMIT + "/")) {
      resolve(exchange, path.substring(("/" + REPOSITORY + "/resolve/" + COMMIT + "/").length()));
    } else {
      exchange.sendResponseHeaders(404, -1);
    }
  }

  private void list(HttpExchange exchange) throws IOException {
    List<String> names = new ArrayList<>(files.keySet());
    if (!extraName.isEmpty()) {
      names.add(extraName);
    }
    String siblings = names.stream().map(name -> "{\"rfilename\":\"" + name + "\"}").collect(Collectors.joining(","));
    byte[] body = ("{\"id\":\"" + REPOSITORY + "\",\"sha\":\"" + COMMIT + "\",\"siblings\":[" + siblings + "]}").getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(200, body.length);
    exchange.getResponseBody().write(body);
  }

  private void resolve(HttpExchange exchange, String path) throws IOException {
    Entry file = files.get(path);
    Fault fault = faults.getOrDefault(path, Fault.NONE);
    if (file == null) {
      exchange.sendResponseHeaders(404, -1);
      return;
    }
    if (fault == Fault.ERROR_ONCE) {
      faults.remove(path);
      exchange.sendResponseHeaders(503, -1);
      return;
    }
    Headers headers = exchange.getResponseHeaders();
    headers.set("X-Repo-Commit", COMMIT);
    boolean get = exchange.getRequestMethod().equals("GET");
    if (fault == Fault.ENDLESS_REDIRECT && get) {
      headers.set("Location", exchange.getRequestURI().toString());
      exchange.sendResponseHeaders(307, -1);
      return;
    }
    if (file.large) {
      if (fault != Fault.NO_DIGEST) {
        headers.set("X-Linked-Etag", "\"" + file.digest() + "\"");
      }
      headers.set("X-Linked-Size", Integer.toString(file.bytes.length));
      headers.set("Location", fault == Fault.TO_FILE && get ? "file:///etc/passwd" : "http://localhost:" + store.getAddress().getPort() + "/store/" + path);
      exchange.sendResponseHeaders(302, -1);
      return;
    }
    headers.set("ETag", "\"" + file.digest() + "\"");
    if (get) {
      requests.add("GET store/" + path);
      send(exchange, path, file.bytes);
    } else {
      headers.set("Content-Length", Integer.toString(file.bytes.length));
      exchange.sendResponseHeaders(200, -1);
    }
  }

  private void answerAsStore(HttpExchange exchange) throws IOException {
    String path = URLDecoder.decode(exchange.getRequestURI().getPath().substring("/store/".length()), StandardCharsets.UTF_8);
    storeTokens.add(String.valueOf(exchange.getRequestHeaders().getFirst("Authorization")));
    String range = exchange.getRequestHeaders().getFirst("Range");
    requests.add(exchange.getRequestMethod() + " store/" + path + (range == null ? "" : " " + range));
    send(exchange, path, files.get(path).bytes);
  }

  private void send(HttpExchange exchange, String path, byte[] bytes) throws IOException {
    Fault fault = faults.getOrDefault(path, Fault.NONE);
    String range = exchange.getRequestHeaders().getFirst("Range");
    int from = range == null || fault == Fault.NO_RANGES ? 0 : Integer.parseInt(range.replaceAll("\\D", ""));
    int left = bytes.length - from;
    OutputStream out = exchange.getResponseBody();
    if (from > 0 || range != null && fault == Fault.OTHER_RANGE) {
      from = fault == Fault.OTHER_RANGE ? 0 : from;
      exchange.getResponseHeaders().set("Content-Range", "bytes " + from + "-" + (bytes.length - 1) + "/" + bytes.length);
      left = bytes.length - from;
    }
    int status = exchange.getResponseHeaders().containsKey("Content-Range") ? 206 : 200;
    switch (fault) {
      case BREAKS_OFF, NO_RANGES, OTHER_RANGE -> {
        boolean whole = fault != Fault.BREAKS_OFF && downloads(path) > 1;
        exchange.sendResponseHeaders(status, left);
        out.write(bytes, from, whole ? left : (left + 1) / 2);
        out.flush();
      }
      case ENDS_EARLY -> {
        exchange.sendResponseHeaders(status, Math.max(1, left / 2));
        out.write(bytes, from, Math.max(1, left / 2));
      }
      case OTHER_BYTES -> {
        byte[] other = bytes.clone();
        other[other.length / 2] ^= 1;
        exchange.sendResponseHeaders(status, left);
        out.write(other, from, left);
      }
      case MORE_BYTES -> {
        exchange.sendResponseHeaders(status, left + 1000);
        out.write(bytes, from, left);
        out.write(new byte[1000]);
      }
      case STALLS -> {
        exchange.sendResponseHeaders(status, left);
        out.write(bytes, from, left / 2);
        out.flush();
        try {
          Thread.sleep(20_000);
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
        }
      }
      default -> {
        exchange.sendResponseHeaders(status, left == 0 ? -1 : left);
        out.write(bytes, from, left);
      }
    }
  }

  @Override
  public void close() {
    hub.stop(0);
    store.stop(0);
    threads.shutdownNow();
  }
}
