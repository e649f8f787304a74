// What one program in a sandbox may use.

export interface ProgramLimits {
  readonly memoryBytes: number;
  readonly processes: number;
  readonly fileBytes: number;
}

/** By default. */
export const PROGRAM_LIMITS: ProgramLimits = { memoryBytes: 512 * 2 ** 20, processes: 16, fileBytes: 16 * 2 ** 20 };
