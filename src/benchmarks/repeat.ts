/** One repetition (1, 2, …) of a task; gives the numbers it computed, by name. */
export type Repeat = (repetition: number) => Promise<Record<string, ArrayLike<number>>>;
