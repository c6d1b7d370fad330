/** A place in the tree that breaks a rule. */
export interface Finding {
  /** Path from the root of the repository, with forward slashes. */
  readonly file: string;
  /** Line, from 1; 0 means the file as a whole. */
  readonly line: number;
  readonly message: string;
}

/** The findings as lines for a person: `file:line: message`. */
export function formatFindings(findings: readonly Finding[]): string[] {
  return findings.map(({ file, line, message }) =>
    line === 0 ? `${file}: ${message}` : `${file}:${line}: ${message}`,
  );
}
