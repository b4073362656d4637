export const fixture: string = 'fixture';
