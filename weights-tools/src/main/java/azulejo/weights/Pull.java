package azulejo.weights;

import azulejo.runtime.AtomicFile;
import azulejo.runtime.AzulejoException;
import azulejo.runtime.CheckpointException;
import azulejo.runtime.OptionException;
import azulejo.runtime.OutputException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Pattern;

/**
 * Fetches a model's files from a hub into the cache that huggingface_hub keeps, which then finds them too: {@code models--OWNER--NAME/blobs/DIGEST} for the
 * contents, {@code snapshots/COMMIT/PATH} linking to them, {@code refs/REVISION} with the commit.
 *
 * <p>A blob gets its name only when its digest has been checked; until then it is {@code DIGEST.incomplete}, from where the next attempt goes on. The
 * revision's ref is written last.
 *
 * <p>Source: huggingface_hub {@code file_download.py} ({@code hf_hub_download}, {@code _create_symlink}).
 */
public final class Pull {
  private static final Pattern REPOSITORY = Pattern.compile("[\\w-][\\w.-]*(/[\\w-][\\w.-]*)?");
  private static final Pattern REVISION = Pattern.compile("(?!.*\\.\\.)[\\w-][\\w./-]*(?<!/)");
  private static final int BUFFER = 1 << 18;

  private final HubSettings settings;
  private final Hub hub;
  private final Patience patience;
  private final Progress progress;
  private final String repository;
  private final Path folder;

  private Pull(HubSettings settings, Hub hub, Patience patience, Progress progress, String repository) {
    this.settings = settings;
    this.hub = hub;
    this.patience = patience;
    this.progress = progress;
    this.repository = repository;
    this.folder = settings.cache().resolve("models--" + repository.replace("/", "--"));
  }

  /** Hears how the fetching goes on. */
  @FunctionalInterface
  public interface Progress {
    /** @param done bytes of all the files, those that were there before among them */
    void fetched(String file, long done, long total);
  }

  /**
   * @param revision a branch, a tag or a commit
   * @param include patterns of the files to fetch, empty for those that a model is loaded from
   * @param variant of the weights, such as {@code fp16}, empty for full precision
   */
  public record Request(String repository, String revision, List<String> include, String variant) {}

  /** @param snapshot the folder with the files */
  public record Summary(Path snapshot, List<String> files, long bytes, long fetched) {}

  /**
   * How much a connection may disappoint.
   *
   * @param timeout without a byte
   * @param attempts in a row that bring nothing
   * @param pause before the second, which grows with each
   */
  record Patience(Duration timeout, int attempts, Duration pause) {
    static final Patience USUAL = new Patience(Duration.ofSeconds(30), 5, Duration.ofSeconds(1));
  }

  /**
   * @throws OptionException when the request makes no sense, or the files must be chosen
   * @throws CheckpointException when the hub does not have them, cannot be reached, or delivers something else
   * @throws OutputException when the cache cannot be written
   */
  public static Summary pull(HubSettings settings, Request request, Progress progress) {
    return pull(settings, request, progress, Patience.USUAL);
  }

  static Summary pull(HubSettings settings, Request request, Progress progress, Patience patience) {
    if (!REPOSITORY.matcher(request.repository).matches() || request.repository.contains("..") || request.repository.contains("--")) {
      throw new OptionException("\"" + request.repository + "\" is not the name of a repository, such as amused/amused-256");
    }
    if (!REVISION.matcher(request.revision).matches()) {
      throw new OptionException("\"" + request.revision + "\" is not the name of a revision");
    }
    try (Hub hub = new Hub(settings, patience.timeout)) {
      return new Pull(settings, hub, patience, progress, request.repository).run(request);
    }
  }

  private Summary run(Request request) {
    Hub.Listing listing = insist("", () -> hub.list(repository, request.revision));
    List<String> paths = request.include.isEmpty() ? NeededFiles.of(repository, listing.files(), request.variant)
        : NeededFiles.matching(repository, listing.files(), request.include);
    List<Hub.FileInfo> files = new ArrayList<>();
    for (String path : paths) {
      files.add(insist(path, () -> hub.info(repository, listing.commit(), path)));
    }
    AtomicFile.createFolder(folder.resolve("blobs"));
    long total = files.stream().mapToLong(Hub.FileInfo::size).sum();
    Synth.checkRoom(folder, files.stream().mapToLong(this::lacking).sum(), Synth.freeBytes(folder));
    Path snapshot = folder.resolve("snapshots").resolve(listing.commit());
    long done = 0;
    long fetched = 0;
    for (Hub.FileInfo file : files) {
      fetched += fetch(file, listing.commit(), done, total);
      link(snapshot, file);
      done += file.size();
    }
    if (!request.revision.equals(listing.commit())) {
      Path ref = folder.resolve("refs").resolve(request.revision);
      AtomicFile.createFolder(ref.getParent());
      AtomicFile.write(ref, listing.commit().getBytes(StandardCharsets.US_ASCII));
    }
    return new Summary(snapshot, paths, total, fetched);
  }

  private Path blob(Hub.FileInfo file) {
    return folder.resolve("blobs").resolve(file.digest());
  }

  private Path incomplete(Hub.FileInfo file) {
    return folder.resolve("blobs").resolve(file.digest() + ".incomplete");
  }

  /** Bytes that are not on the disk yet. */
  private long lacking(Hub.FileInfo file) {
    return Files.exists(blob(file)) ? 0 : Math.max(0, file.size() - incomplete(file).toFile().length());
  }

  /** Bytes that came over the network. */
  private long fetch(Hub.FileInfo file, String commit, long before, long total) {
    if (Files.exists(blob(file))) {
      progress.fetched(file.path(), before + file.size(), total);
      return 0;
    }
    AtomicLong fetched = new AtomicLong();
    Path part = incomplete(file);
    try (FileChannel channel = FileChannel.open(part, StandardOpenOption.CREATE, StandardOpenOption.WRITE); FileLock _ = lock(channel, file)) {
      if (channel.size() > file.size()) {
        channel.truncate(0);
      }
      try {
        complete(file, commit, channel, before, total, fetched);
      } finally {
        if (channel.size() == 0 && file.size() > 0) {
          delete(part);
        }
      }
    } catch (IOException e) {
      throw new OutputException("cannot write " + part + ": " + AzulejoException.reason(e), e);
    }
    check(file, part);
    try {
      Files.move(part, blob(file), StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw new OutputException("cannot write " + blob(file) + ": " + AzulejoException.reason(e), e);
    }
    return fetched.get();
  }

  /** Fetches until nothing lacks, or several attempts in a row have brought nothing. */
  private void complete(Hub.FileInfo file, String commit, FileChannel channel, long before, long total, AtomicLong fetched) throws IOException {
    int idle = 0;
    while (channel.size() < file.size()) {
      long had = channel.size();
      Hub.Transient problem = new Hub.Transient("the connection ends after " + had + " of " + file.size() + " bytes", null);
      try {
        download(file, commit, channel, before, total, fetched);
      } catch (Hub.Transient e) {
        problem = e;
      }
      idle = channel.size() > had ? 0 : idle + 1;
      if (idle >= patience.attempts) {
        throw givenUp(file.path(), problem);
      }
      if (channel.size() < file.size()) {
        pause(patience.pause.multipliedBy(idle));
      }
    }
  }

  private static FileLock lock(FileChannel channel, Hub.FileInfo file) throws IOException {
    FileLock lock;
    try {
      lock = channel.tryLock();
    } catch (OverlappingFileLockException e) {
      lock = null;
    }
    if (lock == null) {
      throw new OutputException(file.path() + " is being fetched by another process: wait until it is done");
    }
    return lock;
  }

  /** One attempt to fetch what a file lacks; ends early where the server does. */
  private void download(Hub.FileInfo file, String commit, FileChannel channel, long before, long total, AtomicLong fetched) throws IOException {
    Hub.Content content = hub.content(repository, commit, file.path(), channel.size());
    try (InputStream in = content.in(); Watch watch = new Watch(in, patience.timeout)) {
      if (content.from() != channel.size()) {
        write(file, () -> channel.truncate(content.from()));
      }
      write(file, () -> channel.position(content.from()));
      byte[] buffer = new byte[BUFFER];
      for (int n = read(in, buffer, watch); n >= 0; n = read(in, buffer, watch)) {
        if (channel.position() + n > file.size()) {
          write(file, () -> channel.truncate(0));
          throw new CheckpointException(file.path() + " of " + repository + " has more than the " + file.size() + " bytes that the hub announced");
        }
        ByteBuffer bytes = ByteBuffer.wrap(buffer, 0, n);
        while (bytes.hasRemaining()) {
          write(file, () -> channel.write(bytes));
        }
        fetched.addAndGet(n);
        progress.fetched(file.path(), before + channel.position(), total);
      }
    }
  }

  private int read(InputStream in, byte[] buffer, Watch watch) throws IOException {
    try {
      int n = in.read(buffer);
      watch.alive();
      return n;
    } catch (IOException e) {
      throw new Hub.Transient("the connection broke" + (watch.expired ? ": nothing came for " + patience.timeout.toSeconds() + " s" : ""), e);
    }
  }

  private interface Write {
    Object run() throws IOException;
  }

  /** What fails on this side, such as a full disk, is not to be tried again. */
  private void write(Hub.FileInfo file, Write write) {
    try {
      write.run();
    } catch (IOException e) {
      throw new OutputException("cannot write " + incomplete(file) + ": " + AzulejoException.reason(e), e);
    }
  }

  /** Closes a stream when nothing has come through it for a while: a read has no time limit of its own. */
  private static final class Watch implements AutoCloseable {
    private final Thread thread;
    private volatile long last = System.nanoTime();
    private volatile boolean expired;

    Watch(InputStream in, Duration limit) {
      thread = Thread.ofVirtual().start(() -> {
        try {
          while (System.nanoTime() - last < limit.toNanos()) {
            Thread.sleep(limit.dividedBy(4));
          }
          expired = true;
          in.close();
        } catch (InterruptedException | IOException e) {
          // the reader is done, or will notice
        }
      });
    }

    void alive() {
      last = System.nanoTime();
    }

    @Override
    public void close() {
      thread.interrupt();
    }
  }

  private void check(Hub.FileInfo file, Path part) {
    String actual = file.digest().length() == 64 ? Digests.sha256(part, _ -> { }) : Digests.gitBlob(part, _ -> { });
    if (!actual.equals(file.digest())) {
      delete(part);
      throw new CheckpointException(file.path() + " of " + repository + " came with the digest " + actual + " instead of " + file.digest()
          + ", so it was thrown away: try again, and mind what lies between you and " + settings.endpoint().getHost());
    }
  }

  private static void delete(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      throw new OutputException("cannot delete " + file + ": " + AzulejoException.reason(e), e);
    }
  }

  private void link(Path snapshot, Hub.FileInfo file) {
    Path link = snapshot.resolve(file.path());
    AtomicFile.createFolder(link.getParent());
    Path target = link.getParent().relativize(blob(file));
    try {
      if (Files.isSymbolicLink(link) && Files.readSymbolicLink(link).equals(target)) {
        return;
      }
      Path fresh = link.resolveSibling("." + link.getFileName() + ".link");
      Files.deleteIfExists(fresh);
      Files.createSymbolicLink(fresh, target);
      Files.move(fresh, link, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw new OutputException("cannot link " + link + ": " + AzulejoException.reason(e), e);
    } catch (UnsupportedOperationException e) {
      throw new OutputException(link + " cannot be a symbolic link on this file system: set HF_HUB_CACHE to a folder on another one", e);
    }
  }

  private interface Attempt<T> {
    T run() throws IOException;
  }

  /** Tries again what may succeed later, until several attempts in a row have brought nothing. */
  private <T> T insist(String path, Attempt<T> attempt) {
    for (int failed = 1; ; failed++) {
      try {
        return attempt.run();
      } catch (Hub.Transient e) {
        if (failed >= patience.attempts) {
          throw givenUp(path, e);
        }
        pause(patience.pause.multipliedBy(failed));
      } catch (IOException e) {
        throw new CheckpointException("cannot fetch " + (path.isEmpty() ? repository : path + " of " + repository) + ": " + AzulejoException.reason(e), e);
      }
    }
  }

  private CheckpointException givenUp(String path, Hub.Transient problem) {
    return new CheckpointException("cannot fetch " + (path.isEmpty() ? repository : path + " of " + repository) + ": " + problem.getMessage()
        + (path.isEmpty() ? "; try again later" : "; what came so far is kept, so try again later"), problem);
  }

  private static void pause(Duration duration) {
    try {
      Thread.sleep(duration);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
