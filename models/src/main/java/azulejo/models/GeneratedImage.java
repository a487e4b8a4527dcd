package azulejo.models;

import azulejo.runtime.ledger.EntropyLedger;
import java.util.Optional;

/**
 * A picture with the tokens that it was decoded from.
 *
 * @param prompt its prompt
 * @param index its number among the images of that prompt, from 0
 * @param tokens [H, W] codes, row by row
 * @param ledger where its randomness came from, if the request asked for it
 */
public record GeneratedImage(String prompt, int index, int gridHeight, int gridWidth, int[] tokens, Image image, Optional<EntropyLedger> ledger) {}
