// What one program in a sandbox may use.

export interface ProgramLimits {
  readonly memoryBytes: number;
  readonly processes: number;
  readonly fileBytes: number;
}
