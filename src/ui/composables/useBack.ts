import { useRouter } from 'vue-router'

/** Goes back as the browser's button does, or to `fallback` where this page was the first. */
export function useBack(): (fallback: string) => void {
  const router = useRouter()
  return (fallback) => {
    const previous: unknown = router.options.history.state['back']
    if (typeof previous === 'string' && !previous.startsWith('/invite/')) router.back()
    else void router.replace(fallback)
  }
}
