package azulejo.models.perceptual;

import azulejo.kernels.Backend;
import azulejo.kernels.Tensor;
import azulejo.runtime.checkpoint.Weights;
import java.util.ArrayList;
import java.util.List;

/**
 * The convolutions of a torchvision classifier, up to the last one that LPIPS looks at.
 *
 * <p>Follows torchvision's {@code models/alexnet.py}, {@code vgg.py} (VGG16) and {@code squeezenet.py} (1.1), cut as in the {@code
 * pretrained_networks.py} of LPIPS. Tensor names are torchvision's: {@code features.<index>.weight}.
 */
final class Trunk {
  private final Backend b;
  private final List<Node> nodes = new ArrayList<>();
  /** After how many nodes LPIPS looks. */
  private final List<Integer> taps = new ArrayList<>();

  /** @param w with the tensors below {@code features} */
  Trunk(Lpips.Net net, Weights w) {
    b = w.backend();
    switch (net) {
      case ALEX -> alex(w);
      case VGG -> vgg(w);
      case SQUEEZE -> squeeze(w);
    }
  }

  private void alex(Weights w) {
    nodes.add(unit(w.at(0), 64, 3, 11, 4, 2));
    tap();
    pool(3, false);
    nodes.add(unit(w.at(3), 192, 64, 5, 1, 2));
    tap();
    pool(3, false);
    nodes.add(unit(w.at(6), 384, 192, 3, 1, 1));
    tap();
    nodes.add(unit(w.at(8), 256, 384, 3, 1, 1));
    tap();
    nodes.add(unit(w.at(10), 256, 256, 3, 1, 1));
    tap();
  }

  private void vgg(Weights w) {
    int[][] blocks = {{64, 64}, {128, 128}, {256, 256, 256}, {512, 512, 512}, {512, 512, 512}};
    int index = 0;
    int inputs = 3;
    for (int[] block : blocks) {
      if (index > 0) {
        pool(2, false);
        index++;
      }
      for (int outputs : block) {
        nodes.add(unit(w.at(index), outputs, inputs, 3, 1, 1));
        inputs = outputs;
        index += 2;
      }
      tap();
    }
  }

  private void squeeze(Weights w) {
    nodes.add(unit(w.at(0), 64, 3, 3, 2, 0));
    tap();
    pool(3, true);
    fire(w.at(3), 16, 64);
    fire(w.at(4), 16, 64);
    tap();
    pool(3, true);
    fire(w.at(6), 32, 128);
    fire(w.at(7), 32, 128);
    tap();
    pool(3, true);
    fire(w.at(9), 48, 192);
    tap();
    fire(w.at(10), 48, 192);
    tap();
    fire(w.at(11), 64, 256);
    tap();
    fire(w.at(12), 64, 256);
    tap();
  }

  private static Node unit(Weights w, int outputs, int inputs, int size, int stride, int padding) {
    return new Node.Unit(w.filter("weight", outputs, inputs, size, size), w.tensor("bias", outputs), stride, padding, padding);
  }

  private void pool(int size, boolean ceil) {
    nodes.add(Node.Pool.max(size, 2, ceil, nodes.getLast().channels()));
  }

  private void fire(Weights w, int squeezed, int expanded) {
    nodes.add(Node.Chain.of(unit(w.at("squeeze"), squeezed, nodes.getLast().channels(), 1, 1, 0),
        Node.Concat.of(unit(w.at("expand1x1"), expanded, squeezed, 1, 1, 0), unit(w.at("expand3x3"), expanded, squeezed, 3, 1, 1))));
  }

  private void tap() {
    taps.add(nodes.size());
  }

  /** The channels of each output. */
  List<Integer> channels() {
    return taps.stream().map(tap -> nodes.get(tap - 1).channels()).toList();
  }

  /** What LPIPS looks at: x [B, H, W, 3], outputs [B, h, w, C] that belong to the caller's scope. */
  List<Tensor> forward(Tensor x) {
    List<Tensor> outputs = new ArrayList<>();
    for (int i = 0; i < nodes.size(); i++) {
      x = nodes.get(i).apply(b, x);
      if (taps.contains(i + 1)) {
        outputs.add(x);
      }
    }
    return outputs;
  }
}
