/** C++ whose module is text inside of its JavaScript. */
import Yoga, { Direction, FlexDirection, Wrap } from 'yoga-layout';

let right = 0;
for (let round = 0; round < 20 * Number(process.env.ROUNDS ?? 1); round++) {
  const root = Yoga.Node.create();
  root.setWidth(500);
  root.setFlexDirection(FlexDirection.Row);
  root.setFlexWrap(Wrap.Wrap);
  for (let i = 0; i < 100; i++) {
    const child = Yoga.Node.create();
    child.setWidth(40 + (i % 7));
    child.setHeight(20);
    root.insertChild(child, i);
  }
  root.calculateLayout(500, undefined, Direction.LTR);
  right = root.getChild(95).getComputedLeft();
  root.freeRecursive();
}
console.log(right);
