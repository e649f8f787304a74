// What turns pieces of text into ids.

export interface PieceModel {
  /** Appends the ids of one piece. */
  encode(piece: string, ids: number[]): void;
}
