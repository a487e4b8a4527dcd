package azulejo.probes.experiment;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * A grid: models x conditions x prompts x images. {@link ExperimentFile} reads it, {@link #json} writes it with every default filled in.
 *
 * @param images of a prompt in each condition: the size of every set
 * @param seed the same in every condition, so that conditions are compared image by image
 */
public record Experiment(String title, long seed, int images, List<PromptGroup> prompts, List<Model> models, List<Condition> conditions, Measures measures) {
  public Experiment {
    prompts = List.copyOf(prompts);
    models = List.copyOf(models);
    conditions = List.copyOf(conditions);
  }

  /** Every image, model by model and condition by condition; no cell needs another one. */
  public List<Cell> cells() {
    List<Cell> cells = new ArrayList<>();
    for (Model model : models) {
      for (Condition condition : conditions(model)) {
        for (PromptGroup prompt : prompts) {
          for (int index = 0; index < images; index++) {
            cells.add(new Cell(model, condition, prompt, index));
          }
        }
      }
    }
    return cells;
  }

  /** What is tried with a model. */
  public List<Condition> conditions(Model model) {
    return conditions.stream().filter(condition -> condition.models().contains(model.name())).toList();
  }

  /** Whether a model is to draw from a part of its codes, for which it must be known how often each is used. */
  public boolean needsUsage(Model model) {
    Predicate<Condition> byFrequency = condition -> condition.codebook().filter(subset -> subset.rule() != Codebook.Rule.DROP_RANDOM).isPresent();
    return conditions(model).stream().anyMatch(byFrequency);
  }

  /** The configuration that {@link ExperimentFile} reads to this very experiment: the prompts are in it, and every default. */
  public String json() {
    Map<String, Object> root = new LinkedHashMap<>();
    if (!title.isEmpty()) {
      root.put("title", title);
    }
    root.put("seed", seed);
    root.put("images", images);
    Map<String, Object> modelFields = new LinkedHashMap<>();
    models.forEach(model -> modelFields.put(model.name(), model.fields()));
    root.put("models", modelFields);
    Map<String, Object> conditionFields = new LinkedHashMap<>();
    conditions.forEach(condition -> conditionFields.put(condition.name(), fields(condition)));
    root.put("conditions", conditionFields);
    root.put("metrics", measures.fields());
    root.put("prompts", prompts.stream().map(Experiment::fields).toList());
    return JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build().writeValueAsString(root);
  }

  private static Map<String, Object> fields(Condition condition) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("label", condition.label());
    fields.put("kind", ExperimentFile.text(condition.kind()));
    condition.codebook().ifPresent(subset -> fields.put("codebook", subset.toString()));
    condition.argmax().ifPresent(window -> fields.put("argmax", window));
    condition.argmaxMode().ifPresent(mode -> fields.put("argmax-mode", mode));
    if (condition.wording() != Wording.BASE) {
      fields.put("paraphrase", condition.wording().text());
    }
    condition.frozen().ifPresent(stream -> fields.put("frozen", stream.text()));
    fields.put("models", condition.models());
    return fields;
  }

  private static Map<String, Object> fields(PromptGroup prompt) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("id", prompt.id());
    fields.put("prompt", prompt.text());
    Map<String, List<String>> paraphrases = new LinkedHashMap<>();
    paraphrases.put("short", prompt.shorts());
    paraphrases.put("medium", prompt.mediums());
    paraphrases.put("long", prompt.longs());
    fields.put("paraphrases", paraphrases);
    return fields;
  }
}
