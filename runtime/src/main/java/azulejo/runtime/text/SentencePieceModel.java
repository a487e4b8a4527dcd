package azulejo.runtime.text;

import azulejo.runtime.AzulejoException;
import azulejo.runtime.CheckpointException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * What a {@code spiece.model} file holds of a unigram tokenizer.
 *
 * <p>Source: sentencepiece {@code sentencepiece_model.proto}.
 *
 * @param scores log probabilities, finite
 * @param unknown the id of unknown text
 * @param charsmap the precompiled normaliser, as {@link Charsmap} reads it; empty if there is none
 */
record SentencePieceModel(List<String> pieces, double[] scores, int unknown, byte[] charsmap) {
  private static final long MAX_BYTES = 100_000_000;

  /** @throws CheckpointException when the file cannot be read or is not the model of a unigram tokenizer */
  static SentencePieceModel read(Path file) {
    try {
      if (Files.size(file) > MAX_BYTES) {
        throw new CheckpointException(file + " is too large for a SentencePiece model: " + Files.size(file) + " bytes");
      }
      return parse(new ProtoReader(ByteBuffer.wrap(Files.readAllBytes(file))));
    } catch (IOException e) {
      throw new CheckpointException("cannot read " + file + ": " + AzulejoException.reason(e), e);
    } catch (IllegalArgumentException e) {
      throw new CheckpointException(file + " is not a SentencePiece model of a unigram tokenizer: " + e.getMessage(), e);
    }
  }

  private static SentencePieceModel parse(ProtoReader model) {
    List<Piece> pieces = new ArrayList<>();
    byte[] charsmap = {};
    while (model.next()) {
      switch (model.field()) {
        case 1 -> pieces.add(Piece.parse(model.message()));
        case 2 -> checkTraining(model.message());
        case 3 -> charsmap = charsmap(model.message());
        default -> { }
      }
    }
    int unknown = pieces.stream().map(Piece::type).toList().indexOf(Piece.UNKNOWN);
    if (unknown < 0) {
      throw new IllegalArgumentException("it has no piece for unknown text");
    }
    return new SentencePieceModel(pieces.stream().map(Piece::text).toList(), pieces.stream().mapToDouble(Piece::score).toArray(), unknown, charsmap);
  }

  private record Piece(String text, float score, long type) {
    private static final long NORMAL = 1;
    private static final long UNKNOWN = 2;

    static Piece parse(ProtoReader piece) {
      String text = "";
      float score = 0;
      long type = NORMAL;
      while (piece.next()) {
        switch (piece.field()) {
          case 1 -> text = piece.text();
          case 2 -> score = piece.float32();
          case 3 -> type = piece.number();
          default -> { }
        }
      }
      if (text.isEmpty() || !Float.isFinite(score)) {
        throw new IllegalArgumentException("the piece \"" + text + "\" has no text or no finite score");
      }
      return new Piece(text, score, type);
    }
  }

  private static void checkTraining(ProtoReader training) {
    long unigram = 1;
    while (training.next()) {
      if (training.field() == 3 && training.number() != unigram) {
        throw new IllegalArgumentException("its model type is " + training.number());
      }
    }
  }

  private static byte[] charsmap(ProtoReader normalizer) {
    byte[] charsmap = {};
    while (normalizer.next()) {
      if (normalizer.field() == 2) {
        charsmap = normalizer.bytes();
      }
    }
    return charsmap;
  }
}
