package azulejo.probes.run;

import azulejo.runtime.AzulejoException;
import azulejo.runtime.OutputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.stream.Stream;
import org.sqlite.SQLiteConfig;
import org.sqlite.SQLiteErrorCode;
import org.sqlite.SQLiteException;
import org.sqlite.SQLiteJDBCLoader;

/** Opens SQLite files, and says in a sentence what they refuse. */
final class Sqlite {
  private static final int BUSY_MILLIS = 10_000;

  private Sqlite() {}

  /** The work on a connection. */
  interface Work<T> {
    T apply(Connection connection) throws SQLException;
  }

  /**
   * A connection whose commits are on the disk when they return. The journal is the classic one: unlike a write-ahead log it leaves one file at rest, which can be
   * copied, and read from a folder that is read-only; a commit a batch of images costs nothing either way.
   */
  static Connection open(Path file, boolean readOnly) {
    loadLibrary();
    SQLiteConfig config = new SQLiteConfig();
    config.setJournalMode(SQLiteConfig.JournalMode.DELETE);
    config.setSynchronous(SQLiteConfig.SynchronousMode.FULL);
    config.enforceForeignKeys(true);
    config.setBusyTimeout(BUSY_MILLIS);
    config.setReadOnly(readOnly);
    return call(file, () -> config.createConnection("jdbc:sqlite:" + file.toAbsolutePath()));
  }

  /** Runs {@code work} as one transaction: all of it is stored, or nothing. */
  static <T> T transaction(Path file, Connection connection, Work<T> work) {
    return call(file, () -> {
      execute(connection, "begin");
      try {
        T result = work.apply(connection);
        execute(connection, "commit");
        return result;
      } catch (SQLException | RuntimeException e) {
        try {
          execute(connection, "rollback");
        } catch (SQLException rolledBack) {
          e.addSuppressed(rolledBack); // some failures, a full disk among them, have rolled it back already
        }
        throw e;
      }
    });
  }

  private static void execute(Connection connection, String sql) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute(sql);
    }
  }

  /** What SQLite is asked. */
  interface Call<T> {
    T get() throws SQLException;
  }

  static <T> T call(Path file, Call<T> call) {
    try {
      return call.get();
    } catch (SQLException e) {
      throw failure(file, e);
    }
  }

  private static OutputException failure(Path file, SQLException e) {
    SQLiteErrorCode code = e instanceof SQLiteException s ? s.getResultCode() : SQLiteErrorCode.UNKNOWN_ERROR;
    // extended codes such as SQLITE_IOERR_WRITE hold the plain one in their lower byte
    SQLiteErrorCode plain = SQLiteErrorCode.getErrorCode(code.code & 0xFF);
    String reason = switch (plain) {
      case SQLITE_FULL -> "the disk is full: free some space and start again, all that was stored is kept";
      case SQLITE_CORRUPT, SQLITE_NOTADB -> "it is damaged: move it away and start again, and every image is made and measured once more";
      case SQLITE_READONLY -> "it is read-only";
      case SQLITE_BUSY, SQLITE_LOCKED -> "another program has locked it";
      case SQLITE_CANTOPEN -> "it cannot be opened";
      case SQLITE_IOERR -> "the disk refuses (" + code + "): is it full, or is the folder gone?";
      default -> String.valueOf(e.getMessage());
    };
    return new OutputException("the store " + file + " failed: " + reason, e);
  }

  /**
   * Loads the native library, which the driver unpacks into a folder for temporary files. That would lie there until the JVM ends in good order, so it gets a
   * folder of its own, which goes as soon as the library is in memory; once loaded, loading does nothing.
   */
  private static synchronized void loadLibrary() {
    String key = "org.sqlite.tmpdir";
    String before = System.getProperty(key);
    try {
      Path folder = Files.createTempDirectory("azulejo-sqlite");
      try {
        System.setProperty(key, folder.toString());
        SQLiteJDBCLoader.initialize();
      } finally {
        try (Stream<Path> files = Files.list(folder)) {
          for (Path file : files.toList()) {
            Files.delete(file);
          }
        }
        Files.delete(folder);
      }
    } catch (IOException e) {
      throw new OutputException("cannot unpack SQLite's library into " + System.getProperty("java.io.tmpdir") + ": " + AzulejoException.reason(e), e);
    } catch (Exception e) { // what the loader declares
      throw new OutputException("SQLite's library does not load on this machine: " + e.getMessage(), e);
    } finally {
      if (before == null) {
        System.clearProperty(key);
      } else {
        System.setProperty(key, before);
      }
    }
  }
}
