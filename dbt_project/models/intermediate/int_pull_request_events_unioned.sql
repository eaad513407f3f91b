with

gitlab_states as (

    select * from {{ ref('stg_gitlab__merge_request_state_events') }}

),

gitlab_notes as (

    select * from {{ ref('stg_gitlab__merge_request_notes') }}

),

github as (

    select
        'github:' || pull_request_event_id as pull_request_event_id,
        work_item_key,
        event,
        actor_key,
        actor_type,
        event_no,
        happened_at

    from {{ ref('stg_github__pull_request_events') }}

),

gitlab_events as (

    select
        'gitlab:state:' || state_event_id as pull_request_event_id,
        work_item_key,
        state as event,
        actor_key,
        actor_type,
        happened_at

    from gitlab_states

    union all

    select
        'gitlab:note:' || note_id as pull_request_event_id,
        work_item_key,
        case kind when 'ready' then 'ready_for_review' else 'convert_to_draft' end as event,
        author_key as actor_key,
        author_type as actor_type,
        created_at as happened_at

    from gitlab_notes

    where kind in ('ready', 'draft')

),

gitlab as (

    select
        pull_request_event_id,
        work_item_key,
        event,
        actor_key,
        actor_type,
        row_number() over (
            partition by work_item_key
            order by happened_at, pull_request_event_id
        ) as event_no,
        happened_at

    from gitlab_events

),

final as (

    select * from github
    union all
    select * from gitlab

)

select * from final
