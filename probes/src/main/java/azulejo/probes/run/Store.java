package azulejo.probes.run;

import azulejo.probes.Results;
import azulejo.probes.Results.Quantity;
import azulejo.probes.Results.Standing;
import azulejo.probes.experiment.Cell;
import azulejo.runtime.OutputException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a run knows, in a SQLite file: which images are made, with their tokens and ledgers, and what was measured. Every method is one transaction, and may be
 * called from any thread. The tables say what they hold, so that any SQLite tool can read them.
 */
public final class Store implements AutoCloseable {
  private static final int VERSION = 1;
  private static final String TABLES = """
      create table model (model text primary key, family text not null, description text not null, codes integer not null) without rowid;
      create table image (model text, condition text, prompt text, idx integer, text text not null, file text not null, sha256 text not null,
          grid_height integer not null, grid_width integer not null, tokens blob not null, -- little-endian 32-bit codes, row by row
          primary key (model, condition, prompt, idx)) without rowid;
      create table total (model text, condition text, prompt text, idx integer, quantity text, estimator text, standing text not null, nats real not null,
          primary key (model, condition, prompt, idx, quantity, estimator)) without rowid;
      create table curve (model text, condition text, prompt text, idx integer, quantity text, unit text not null,
          steps blob not null, -- little-endian doubles, one a step; NaN where there is none
          primary key (model, condition, prompt, idx, quantity)) without rowid;
      create table metric (profile text primary key, label text not null, role text not null, smaller_is_more integer not null) without rowid;
      create table value (model text, condition text, prompt text, -- '' for all images of the condition
          metric text references metric, value real not null,
          primary key (model, condition, prompt, metric)) without rowid;
      create table feature (model text, condition text, prompt text, idx integer, kind text, -- network and weights
          vector blob not null, -- little-endian floats
          primary key (model, condition, prompt, idx, kind)) without rowid;
      create table measured (model text, condition text, prompt text, primary key (model, condition, prompt)) without rowid;
      create table pace (model text, images integer not null, seconds real not null);
      create table session (started text not null, environment text not null);
      """;

  /** Which image: a row of the tables. */
  public record Key(String model, String condition, String prompt, int index) {
    static Key of(Cell cell) {
      return new Key(cell.model().name(), cell.condition().name(), cell.prompt().id(), cell.index());
    }
  }

  /** @param file relative to the run's folder */
  public record ImageRow(Key key, String text, String file, String sha256, int gridHeight, int gridWidth, int[] tokens) {}

  /** Whose images a measurement is of; {@code prompt} is empty for all of the condition. */
  public record Scope(String model, String condition, String prompt) {}

  private final Path file;
  private final Connection connection;

  private Store(Path file, Connection connection) {
    this.file = file;
    this.connection = connection;
  }

  /** Opens the store, which it makes where there is none. */
  static Store open(Path file) {
    Store store = new Store(file, Sqlite.open(file, false));
    try {
      store.transaction(c -> {
        int version = number(c, "pragma user_version");
        if (version == 0) {
          try (Statement statement = c.createStatement()) {
            for (String sql : TABLES.split(";\n")) {
              statement.executeUpdate(sql);
            }
            statement.executeUpdate("pragma user_version = " + VERSION);
          }
        } else {
          requireVersion(file, version);
        }
        return null;
      });
      return store;
    } catch (RuntimeException e) {
      store.close();
      throw e;
    }
  }

  /** Opens a store to read it, which may be written to meanwhile. What a killed process left half-done is rolled back, where the file may be written. */
  static Store openReadOnly(Path file) {
    Store store = new Store(file, Sqlite.open(file, !Files.isWritable(file)));
    try {
      requireVersion(file, store.transaction(c -> number(c, "pragma user_version")));
      return store;
    } catch (RuntimeException e) {
      store.close();
      throw e;
    }
  }

  private static void requireVersion(Path file, int version) {
    if (version != VERSION) {
      throw new OutputException("the store " + file + " is of format " + version + ", but this version of Azulejo reads format " + VERSION
          + ": go on with the version that began it");
    }
  }

  void putModel(String model, Maker maker) {
    update("insert or replace into model values (?, ?, ?, ?)", model, maker.family(), maker.description(), maker.codes());
  }

  void putSession(String started, String environment) {
    update("insert into session values (?, ?)", started, environment);
  }

  /** The environments of all sessions, the first one's first. */
  List<String> sessions() {
    return query("select environment from session order by started, rowid", row -> row.getString(1));
  }

  /**
   * Stores a batch of images, whose files are there already.
   *
   * @param seconds that it took
   */
  void putImages(List<ImageRow> rows, List<Account> accounts, double seconds) {
    transaction(c -> {
      for (int i = 0; i < rows.size(); i++) {
        ImageRow row = rows.get(i);
        Key key = row.key;
        forgetValues(c, key);
        update(c, "insert or replace into image values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", key.model, key.condition, key.prompt, key.index, row.text, row.file,
            row.sha256, row.gridHeight, row.gridWidth, bytes(row.tokens));
        for (Account.Total total : accounts.get(i).totals()) {
          update(c, "insert or replace into total values (?, ?, ?, ?, ?, ?, ?, ?)", key.model, key.condition, key.prompt, key.index, total.quantity().name(),
              total.estimator(), total.standing().name(), total.nats());
        }
        for (Account.Curve curve : accounts.get(i).curves()) {
          update(c, "insert or replace into curve values (?, ?, ?, ?, ?, ?, ?)", key.model, key.condition, key.prompt, key.index, curve.quantity(), curve.unit(),
              bytes(curve.values()));
        }
      }
      update(c, "insert into pace values (?, ?, ?)", rows.getFirst().key.model, rows.size(), seconds);
      return null;
    });
  }

  /** What was measured with an image that is made again is measured again. */
  private static void forgetValues(Connection c, Key key) throws SQLException {
    for (String table : List.of("value", "measured")) {
      update(c, "delete from " + table + " where model = ? and condition = ? and prompt in (?, '')", key.model, key.condition, key.prompt);
    }
  }

  /**
   * Stores what was measured of {@code scope}, once all of it is known.
   *
   * @param features by image and kind, for metrics of whole collections
   */
  void putValues(Scope scope, Map<Results.Metric, Double> values, Map<Key, Map<String, float[]>> features) {
    transaction(c -> {
      for (Map.Entry<Key, Map<String, float[]>> image : features.entrySet()) {
        Key key = image.getKey();
        for (Map.Entry<String, float[]> vector : image.getValue().entrySet()) {
          update(c, "insert or replace into feature values (?, ?, ?, ?, ?, ?)", key.model, key.condition, key.prompt, key.index, vector.getKey(),
              bytes(vector.getValue()));
        }
      }
      for (Map.Entry<Results.Metric, Double> entry : values.entrySet()) {
        Results.Metric metric = entry.getKey();
        if (entry.getValue().isNaN()) {
          continue; // not defined for these images
        }
        update(c, "insert or ignore into metric values (?, ?, ?, ?)", metric.profile(), metric.label(), metric.role().name(), metric.smallerIsMore());
        update(c, "insert or replace into value values (?, ?, ?, ?, ?)", scope.model, scope.condition, scope.prompt, metric.profile(), entry.getValue());
      }
      update(c, "insert or replace into measured values (?, ?, ?)", scope.model, scope.condition, scope.prompt);
      return null;
    });
  }

  /** Images by key, without their tokens. */
  Map<Key, ImageRow> images() {
    Map<Key, ImageRow> images = new LinkedHashMap<>();
    query("select model, condition, prompt, idx, text, file, sha256, grid_height, grid_width from image", row -> image(row, new int[0]))
        .forEach(image -> images.put(image.key, image));
    return images;
  }

  /** The images of a prompt, or with an empty one of the whole condition, in their order. */
  List<ImageRow> images(Scope scope) {
    return query("select model, condition, prompt, idx, text, file, sha256, grid_height, grid_width, tokens from image"
        + " where model = ? and condition = ? and (? = '' or prompt = ?) order by prompt, idx", row -> image(row, ints(row.getBytes(10))), scope.model,
        scope.condition, scope.prompt, scope.prompt);
  }

  private static ImageRow image(ResultSet row, int[] tokens) throws SQLException {
    Key key = new Key(row.getString(1), row.getString(2), row.getString(3), row.getInt(4));
    return new ImageRow(key, row.getString(5), row.getString(6), row.getString(7), row.getInt(8), row.getInt(9), tokens);
  }

  /** The features of all images of a condition. */
  List<float[]> features(String model, String condition, String kind) {
    return query("select vector from feature where model = ? and condition = ? and kind = ? order by prompt, idx", row -> floats(row.getBytes(1)), model,
        condition, kind);
  }

  /** What is measured already. */
  List<Scope> measured() {
    return query("select model, condition, prompt from measured", row -> new Scope(row.getString(1), row.getString(2), row.getString(3)));
  }

  List<Results.Metric> metrics() {
    return query("select profile, label, role, smaller_is_more from metric",
        row -> new Results.Metric(row.getString(1), row.getString(2), Results.Role.valueOf(row.getString(3)), row.getBoolean(4)));
  }

  List<Results.Value> values() {
    return query("select model, condition, prompt, metric, value from value", row -> new Results.Value(row.getString(1), row.getString(2),
        row.getString(3).isEmpty() ? Optional.empty() : Optional.of(row.getString(3)), row.getString(4), row.getDouble(5)));
  }

  /** A model as it was when it was loaded. */
  record ModelRow(String name, String family, String description, int codes) {}

  List<ModelRow> models() {
    return query("select model, family, description, codes from model",
        row -> new ModelRow(row.getString(1), row.getString(2), row.getString(3), row.getInt(4)));
  }

  /** The ledgers' totals: the mean over the images of a prompt. */
  record TotalRow(Scope scope, Quantity quantity, String estimator, Standing standing, double nats) {}

  List<TotalRow> totals() {
    return query("select model, condition, prompt, quantity, estimator, standing, avg(nats) from total"
        + " group by model, condition, prompt, quantity, estimator, standing", row -> new TotalRow(new Scope(row.getString(1), row.getString(2), row.getString(3)),
            Quantity.valueOf(row.getString(4)), row.getString(5), Standing.valueOf(row.getString(6)), row.getDouble(7)));
  }

  /** A ledger's curve of one image. */
  record CurveRow(String model, String condition, String quantity, String unit, double[] steps) {}

  List<CurveRow> curves() {
    return query("select model, condition, quantity, unit, steps from curve",
        row -> new CurveRow(row.getString(1), row.getString(2), row.getString(3), row.getString(4), doubles(row.getBytes(5))));
  }

  /** Seconds that an image of a model took so far in this run; empty before the first. */
  Optional<Double> pace(String model) {
    return query("select sum(seconds) / sum(images) from pace where model = ?", row -> row.getDouble(1), model).stream().filter(s -> s > 0).findFirst();
  }

  @Override
  public void close() {
    Sqlite.call(file, () -> {
      connection.close();
      return null;
    });
  }

  // ---- SQL ----------------------------------------------------------------------------------------------------------------

  private interface Row<T> {
    T of(ResultSet row) throws SQLException;
  }

  private synchronized <T> T transaction(Sqlite.Work<T> work) {
    return Sqlite.transaction(file, connection, work);
  }

  private <T> List<T> query(String sql, Row<T> row, Object... parameters) {
    return transaction(c -> {
      try (PreparedStatement statement = c.prepareStatement(sql)) {
        set(statement, parameters);
        List<T> rows = new ArrayList<>();
        try (ResultSet result = statement.executeQuery()) {
          while (result.next()) {
            rows.add(row.of(result));
          }
        }
        return rows;
      }
    });
  }

  private void update(String sql, Object... parameters) {
    transaction(c -> {
      update(c, sql, parameters);
      return null;
    });
  }

  private static void update(Connection c, String sql, Object... parameters) throws SQLException {
    try (PreparedStatement statement = c.prepareStatement(sql)) {
      set(statement, parameters);
      statement.executeUpdate();
    }
  }

  private static void set(PreparedStatement statement, Object... parameters) throws SQLException {
    for (int i = 0; i < parameters.length; i++) {
      statement.setObject(i + 1, parameters[i]);
    }
  }

  private static int number(Connection c, String sql) throws SQLException {
    try (Statement statement = c.createStatement(); ResultSet result = statement.executeQuery(sql)) {
      return result.getInt(1);
    }
  }

  private static byte[] bytes(int[] values) {
    ByteBuffer bytes = ByteBuffer.allocate(values.length * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asIntBuffer().put(values);
    return bytes.array();
  }

  private static int[] ints(byte[] bytes) {
    int[] values = new int[bytes.length / Integer.BYTES];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer().get(values);
    return values;
  }

  private static byte[] bytes(float[] values) {
    ByteBuffer bytes = ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return bytes.array();
  }

  private static float[] floats(byte[] bytes) {
    float[] values = new float[bytes.length / Float.BYTES];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
    return values;
  }

  private static byte[] bytes(Collection<Double> values) {
    ByteBuffer bytes = ByteBuffer.allocate(values.size() * Double.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    values.forEach(bytes::putDouble);
    return bytes.array();
  }

  private static double[] doubles(byte[] bytes) {
    double[] values = new double[bytes.length / Double.BYTES];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asDoubleBuffer().get(values);
    return values;
  }
}
