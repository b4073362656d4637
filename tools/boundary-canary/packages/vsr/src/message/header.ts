export const header: string = 'internal to vsr';
