package azulejo.probes.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import azulejo.runtime.OutputException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SqliteTest {
  @TempDir
  Path dir;

  private Path file;
  private Connection connection;

  @BeforeEach
  void open() {
    file = dir.resolve("x.sqlite");
    connection = Sqlite.open(file, false);
    execute("create table t (x blob)");
  }

  @AfterEach
  void close() throws SQLException {
    connection.close();
  }

  private void execute(String... statements) {
    Sqlite.transaction(file, connection, c -> {
      try (Statement statement = c.createStatement()) {
        for (String sql : statements) {
          statement.execute(sql);
        }
      }
      return null;
    });
  }

  private long rows() throws SQLException {
    try (Statement statement = connection.createStatement(); ResultSet result = statement.executeQuery("select count(*) from t")) {
      return result.getLong(1);
    }
  }

  /** SQLite says the same when its file may not grow as when the disk is full. */
  @Test
  void aFullDiskIsSaidAndLosesTheTransactionAlone() throws SQLException {
    execute("insert into t values (zeroblob(1000))");
    execute("pragma max_page_count = 8");
    assertThatThrownBy(() -> execute("insert into t values (zeroblob(1000))", "insert into t values (zeroblob(100000))")).isInstanceOf(OutputException.class)
        .hasMessage("the store " + file + " failed: the disk is full: free some space and start again, all that was stored is kept");
    assertThat(rows()).isEqualTo(1);
    execute("pragma max_page_count = 100000");
    execute("insert into t values (zeroblob(100000))");
    assertThat(rows()).isEqualTo(2);
  }

  @Test
  void aFailedTransactionStoresNothing() throws SQLException {
    assertThatThrownBy(() -> execute("insert into t values (1)", "insert into nowhere values (1)")).isInstanceOf(OutputException.class)
        .hasMessageContaining("no such table: nowhere");
    assertThat(rows()).isZero();
  }
}
