/** Of the command line, a bundle that cannot be read, or a path that cannot be written. */
export const EXIT_BAD_INPUT = 2;
