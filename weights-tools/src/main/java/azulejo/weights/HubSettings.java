package azulejo.weights;

import azulejo.runtime.OptionException;
import java.net.URI;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * Where a hub is, who asks, and where its files are kept, by the environment variables of huggingface_hub: {@code HF_ENDPOINT}, {@code HF_TOKEN},
 * {@code HF_HUB_CACHE}, {@code HUGGINGFACE_HUB_CACHE}, {@code HF_HOME}, {@code XDG_CACHE_HOME}.
 *
 * <p>Source: huggingface_hub {@code constants.py}.
 *
 * @param endpoint without a slash at its end
 */
public record HubSettings(URI endpoint, Optional<String> token, Path cache) {
  private static final String DEFAULT_ENDPOINT = "https://huggingface.co";

  /** A token is never shown, not even where it is none. */
  @Override
  public String toString() {
    return "HubSettings[" + endpoint + ", " + cache + "]";
  }

  /** @throws OptionException when a variable makes no sense */
  public static HubSettings of(Map<String, String> environment) {
    return new HubSettings(endpoint(variable(environment, "HF_ENDPOINT").orElse(DEFAULT_ENDPOINT)), token(environment), cache(environment));
  }

  private static URI endpoint(String text) {
    try {
      URI uri = URI.create(text.replaceFirst("/+$", ""));
      if (("https".equals(uri.getScheme()) || "http".equals(uri.getScheme())) && uri.getHost() != null && uri.getQuery() == null) {
        return uri;
      }
    } catch (IllegalArgumentException e) {
      // said below
    }
    throw new OptionException("HF_ENDPOINT is \"" + text + "\", which is not the address of a hub, such as " + DEFAULT_ENDPOINT);
  }

  private static Optional<String> token(Map<String, String> environment) {
    Optional<String> token = variable(environment, "HF_TOKEN").map(String::strip);
    if (token.isPresent() && !token.get().matches("[\\x21-\\x7e]+")) {
      throw new OptionException("HF_TOKEN is no token: it has a space or a character that no token has");
    }
    return token;
  }

  private static Path cache(Map<String, String> environment) {
    return variable(environment, "HF_HUB_CACHE").or(() -> variable(environment, "HUGGINGFACE_HUB_CACHE")).map(Path::of)
        .or(() -> variable(environment, "HF_HOME").map(home -> Path.of(home).resolve("hub")))
        .or(() -> variable(environment, "XDG_CACHE_HOME").map(cache -> Path.of(cache).resolve("huggingface/hub")))
        .orElseGet(() -> Path.of(System.getProperty("user.home"), ".cache/huggingface/hub"));
  }

  private static Optional<String> variable(Map<String, String> environment, String name) {
    return Optional.ofNullable(environment.get(name)).filter(value -> !value.isBlank());
  }
}
