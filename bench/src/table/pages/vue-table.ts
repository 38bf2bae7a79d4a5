import { defineComponent, h, onUpdated, type PropType } from 'vue'
import { cellsOf, type Row, shownBy } from '../rows.js'

const Cells = defineComponent({
  props: { row: { type: Object as PropType<Row>, required: true } },
  setup: (props) => () =>
    h(
      'tr',
      cellsOf(props.row).map((text) => h('td', text)),
    ),
})

export const Table = defineComponent({
  props: { rows: { type: Array as PropType<readonly Row[]>, required: true } },
  setup(props) {
    onUpdated(() => {
      window.shown = shownBy(props.rows)
    })
    return () =>
      h('table', [
        h(
          'tbody',
          props.rows.map((row) => h(Cells, { key: row.row, row })),
        ),
      ])
  },
})
