export const host: string = 'host';
