/** `startViewChange` becomes `start_view_change`, as names are spelled outside the code. */
export function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
