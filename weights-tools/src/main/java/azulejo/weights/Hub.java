package azulejo.weights;

import azulejo.runtime.AzulejoException;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.checkpoint.Json;
import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.nio.channels.UnresolvedAddressException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;

/**
 * Speaks with a hub as Hugging Face runs it. Redirects are followed by hand: the token goes to the hub's own origin alone, and never from https to http.
 *
 * <p>Source: huggingface_hub {@code file_download.py} ({@code get_hf_file_metadata}, {@code http_get}) and {@code hf_api.py} ({@code model_info}).
 */
final class Hub implements AutoCloseable {
  private static final int MAX_LISTING_BYTES = 50_000_000;
  private static final int MAX_REDIRECTS = 10;
  private static final Pattern COMMIT = Pattern.compile("[0-9a-f]{40}");
  /** A plain path within the repository: nothing that could lead out of a folder. */
  private static final Pattern PATH = Pattern.compile("(?!/)(?!.*(^|/)\\.\\.?(/|$))(?!.*//)[^\\\\:\\p{Cntrl}]{1,500}(?<!/)");
  private static final Pattern DIGEST = Pattern.compile("[0-9a-f]{64}|[0-9a-f]{40}");

  private final HubSettings settings;
  private final Duration timeout;
  private final HttpClient client;

  /** @param timeout for a connection to be made, and for an answer to begin */
  Hub(HubSettings settings, Duration timeout) {
    this.settings = settings;
    this.timeout = timeout;
    this.client = HttpClient.newBuilder().followRedirects(HttpClient.Redirect.NEVER).version(HttpClient.Version.HTTP_1_1).connectTimeout(timeout).build();
  }

  /** A revision's commit and all of its files. */
  record Listing(String commit, List<String> files) {}

  /**
   * What the hub says of a file.
   *
   * @param digest SHA-256 of a large file, Git's SHA-1 of a small one: the name of its blob
   */
  record FileInfo(String path, long size, String digest) {}

  /** A failure that may pass: the request can be made again. */
  static final class Transient extends IOException {
    Transient(String message, Throwable cause) {
      super(message, cause);
    }
  }

  Listing list(String repository, String revision) throws IOException {
    URI uri = URI.create(settings.endpoint() + "/api/models/" + repository + "/revision/" + encode(revision));
    HttpResponse<InputStream> response = follow("GET", uri, OptionalLong.empty(), true);
    try (InputStream body = response.body()) {
      require(response, 200, repository + " at revision " + revision);
      byte[] bytes = body.readNBytes(MAX_LISTING_BYTES + 1);
      if (bytes.length > MAX_LISTING_BYTES) {
        throw new CheckpointException(uri + " answers with more than " + MAX_LISTING_BYTES + " bytes, which is no list of files");
      }
      return parse(uri, Json.object(uri.toString(), bytes));
    }
  }

  private static Listing parse(URI uri, JsonNode json) {
    String commit = json.path("sha").asString("");
    if (!COMMIT.matcher(commit).matches() || !json.path("siblings").isArray()) {
      throw new CheckpointException(uri + " does not answer with a commit and its files, so it is no hub that this version knows");
    }
    List<String> files = new ArrayList<>();
    for (JsonNode sibling : json.path("siblings")) {
      String path = sibling.path("rfilename").asString("");
      if (!PATH.matcher(path).matches()) {
        throw new CheckpointException(uri + " names a file \"" + path + "\", which is no plain path");
      }
      files.add(path);
    }
    return new Listing(commit, files);
  }

  /** Asks for a file without its content. */
  FileInfo info(String repository, String commit, String path) throws IOException {
    URI uri = file(repository, commit, path);
    HttpResponse<InputStream> response = follow("HEAD", uri, OptionalLong.empty(), false);
    response.body().close();
    if (!isRedirect(response.statusCode())) {
      require(response, 200, uri.toString());
    }
    HttpHeaders headers = response.headers();
    String digest = headers.firstValue("X-Linked-Etag").or(() -> headers.firstValue("ETag")).orElse("").replaceFirst("^W/", "").replace("\"", "");
    OptionalLong size = number(headers.firstValue("X-Linked-Size").or(() -> headers.firstValue("Content-Length")));
    if (!DIGEST.matcher(digest).matches() || size.isEmpty() || size.getAsLong() < 0) {
      throw new CheckpointException(uri + " comes without a digest or a size, so it could not be checked");
    }
    return new FileInfo(path, size.getAsLong(), digest);
  }

  /**
   * A file's content from a byte on.
   *
   * @param from where it begins, which may be 0 although more was asked for: not every server can resume
   * @param in to be closed
   */
  record Content(long from, InputStream in) {}

  Content content(String repository, String commit, String path, long from) throws IOException {
    URI uri = file(repository, commit, path);
    HttpResponse<InputStream> response = follow("GET", uri, from == 0 ? OptionalLong.empty() : OptionalLong.of(from), true);
    boolean resumed = response.statusCode() == 206 && response.headers().firstValue("Content-Range").orElse("").startsWith("bytes " + from + "-");
    if (!resumed && response.statusCode() != 200) {
      response.body().close();
      if (response.statusCode() == 206 || response.statusCode() == 416) {
        return new Content(0, content(repository, commit, path, 0).in);
      }
      require(response, 200, uri.toString());
    }
    return new Content(resumed ? from : 0, response.body());
  }

  private URI file(String repository, String commit, String path) {
    StringBuilder uri = new StringBuilder(settings.endpoint() + "/" + repository + "/resolve/" + commit);
    for (String part : path.split("/")) {
      uri.append('/').append(encode(part));
    }
    return URI.create(uri.toString());
  }

  /** @param away whether redirects to another origin are followed; where not, they are the answer */
  private HttpResponse<InputStream> follow(String method, URI start, OptionalLong from, boolean away) throws IOException {
    URI uri = start;
    for (int i = 0; i <= MAX_REDIRECTS; i++) {
      HttpResponse<InputStream> response = send(method, uri, from);
      if (!isRedirect(response.statusCode())) {
        return response;
      }
      URI next = target(uri, response);
      if (!away && !sameOrigin(next, settings.endpoint())) {
        return response;
      }
      response.body().close();
      if ("https".equals(uri.getScheme()) && !"https".equals(next.getScheme())) {
        throw new CheckpointException(uri + " leads from https to " + next.getScheme() + "://" + next.getHost() + ", which is not followed");
      }
      uri = next;
    }
    throw new CheckpointException(start + " leads from one address to the next more than " + MAX_REDIRECTS + " times");
  }

  private static URI target(URI from, HttpResponse<?> response) {
    String location = response.headers().firstValue("Location").orElse("");
    try {
      URI next = from.resolve(location);
      if (!location.isEmpty() && next.getHost() != null && ("https".equals(next.getScheme()) || "http".equals(next.getScheme()))) {
        return next;
      }
    } catch (IllegalArgumentException e) {
      // said below
    }
    throw new CheckpointException(from + " leads to an address that is none");
  }

  private HttpResponse<InputStream> send(String method, URI uri, OptionalLong from) throws IOException {
    HttpRequest.Builder request = HttpRequest.newBuilder(uri).method(method, HttpRequest.BodyPublishers.noBody()).timeout(timeout)
        .header("User-Agent", "azulejo").header("Accept-Encoding", "identity");
    from.ifPresent(byteNumber -> request.header("Range", "bytes=" + byteNumber + "-"));
    if (settings.token().isPresent() && sameOrigin(uri, settings.endpoint())) {
      request.header("Authorization", "Bearer " + settings.token().get());
    }
    try {
      HttpResponse<InputStream> response = client.send(request.build(), HttpResponse.BodyHandlers.ofInputStream());
      if (response.statusCode() == 429 || response.statusCode() >= 500) {
        response.body().close();
        throw new Transient(uri.getHost() + " answers with HTTP status " + response.statusCode(), null);
      }
      return response;
    } catch (Transient e) {
      throw e;
    } catch (IOException e) {
      throw new Transient(problem(uri, e), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  private static String problem(URI uri, IOException e) {
    return switch (e) {
      case HttpConnectTimeoutException _ -> uri.getHost() + " does not answer";
      case HttpTimeoutException _ -> uri.getHost() + " does not answer";
      case ConnectException c when c.getCause() instanceof UnresolvedAddressException -> "there is no host " + uri.getHost();
      case ConnectException _ -> uri.getHost() + " cannot be reached";
      default -> "the connection to " + uri.getHost() + " broke (" + AzulejoException.reason(e) + ")";
    };
  }

  private void require(HttpResponse<?> response, int status, String what) {
    if (response.statusCode() == status) {
      return;
    }
    throw new CheckpointException(switch (response.statusCode()) {
      case 401, 403 -> what + " is not open to " + (settings.token().isPresent() ? "this HF_TOKEN" : "everyone")
          + ", or does not exist: accept its licence on " + settings.endpoint() + " and set HF_TOKEN to a token that may read it";
      case 404 -> what + " does not exist on " + settings.endpoint();
      default -> what + ": " + settings.endpoint().getHost() + " answers with HTTP status " + response.statusCode();
    });
  }

  private static boolean isRedirect(int status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
  }

  private static boolean sameOrigin(URI a, URI b) {
    return a.getScheme().equalsIgnoreCase(b.getScheme()) && a.getHost().equalsIgnoreCase(b.getHost()) && port(a) == port(b);
  }

  private static int port(URI uri) {
    return uri.getPort() >= 0 ? uri.getPort() : uri.getScheme().equalsIgnoreCase("https") ? 443 : 80;
  }

  private static OptionalLong number(Optional<String> text) {
    return text.filter(t -> t.matches("\\d{1,18}")).map(t -> OptionalLong.of(Long.parseLong(t))).orElse(OptionalLong.empty());
  }

  private static String encode(String part) {
    return URLEncoder.encode(part, StandardCharsets.UTF_8).replace("+", "%20");
  }

  @Override
  public void close() {
    client.shutdownNow();
  }
}
