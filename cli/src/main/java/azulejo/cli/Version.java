package azulejo.cli;

import picocli.CommandLine.IVersionProvider;

/** The version in the jar's manifest; classes that Maven's tests run unpacked have none. */
final class Version implements IVersionProvider {
  static String number() {
    String version = Version.class.getPackage().getImplementationVersion();
    return version == null ? "(unpackaged)" : version;
  }

  @Override
  public String[] getVersion() {
    return new String[] {"azulejo " + number() + ", Java " + Runtime.version()};
  }
}
