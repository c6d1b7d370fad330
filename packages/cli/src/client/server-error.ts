/** An error the server answered with. Its code may be one of a later version of Retrace. */
export class ServerError extends Error {
  override readonly name = 'ServerError';
  readonly code: string;
  /** The exit status, as the server gives it. */
  readonly exit: number;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: string,
    message: string,
    exit: number,
    details: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
    this.code = code;
    this.exit = exit;
    this.details = details;
  }
}
